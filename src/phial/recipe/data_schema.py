"""What a recipe for data may say: a teacher, topics or texts, flows, and what is kept of what they make."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from phial.recipe.section import Section

TOPICS, TEXTS = "topics", "seeds"


class PriceSection(Section):
    """Of a million tokens, in any one currency."""

    prompt: float = Field(0.0, ge=0)
    completion: float = Field(0.0, ge=0)


class TeacherSection(Section):
    """Who answers.

    Attributes:
        url: of a server, or of several of the same model, up to /v1; "$NAME" reads it from the environment. Without
            it the offline procedural teacher answers.
        model: as the server calls it.
        replay: ask nobody; what the ledger lacks is an error.
        key_env: environment variable that holds the key.
        api: the interface the server speaks.
        name: whose answers these are, for the ledger; the model's name by default.
        revision: to be changed when the weights behind the model's name change.
        concurrency: requests in flight at most, a server.
        timeout: seconds an answer may take.
        structured: how a schema is asked for; "prompt" for servers that can't.
        limit_field: what the server calls max_tokens.
        price: for budgets, estimates and the display.
        extra: fields of the server's own that decide the answers, such as { reasoning_effort = "low" }.
    """

    url: str | tuple[str, ...] = ""
    model: str = ""
    replay: bool = False
    key_env: str = ""
    api: Literal["chat", "completions", "anthropic"] = "chat"
    name: str = ""
    revision: str = ""
    concurrency: int = Field(256, gt=0)
    timeout: float = Field(600.0, gt=0)
    structured: Literal["interface", "prompt"] = "interface"
    limit_field: str = "max_tokens"
    price: PriceSection = PriceSection()
    extra: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.url and not self.model:
            raise ValueError("a url needs the model's name: model = ...")
        return self


class Budget(Section):
    """What the whole recipe may spend on its teacher, over all runs of it in a workspace; none is no limit."""

    requests: int | None = Field(None, gt=0)
    tokens: int | None = Field(None, gt=0)
    cost: float | None = Field(None, gt=0)


class Topics(Section):
    """What to write about.

    Attributes:
        names: a topic each.
        file: of more topics, one a line.
        license: SPDX expression of what is made of them.
    """

    names: tuple[str, ...] = ()
    file: str = ""
    license: str = "CC0-1.0"


class SeedTexts(Section):
    """Texts of your own.

    Attributes:
        path: a folder or file: .txt, .md, .py, .html, .jsonl, .parquet of records, also as .gz.
        license: SPDX expression of all of it that does not state its own.
    """

    path: str = ""
    license: str = ""

    @model_validator(mode="after")
    def _licensed(self) -> Self:
        if self.path and not self.license.strip():
            raise ValueError('state the licence of the texts, e.g. license = "CC-BY-4.0"')
        return self


def called(name: str, label: str = "") -> str:
    """What a flow goes by in a recipe: its label, or else its own name."""
    return label or name.rpartition(":")[2].replace("_", "-")


class FlowSection(Section):
    """A flow to run.

    Attributes:
        name: of a built-in flow, or "my_flow.py:my_flow".
        label: to tell it from others of its name.
        seeds: what it starts from: "topics", "seeds" (the texts), or labels of flows above.
        accept: stop at so many accepted records; without it every seed is used.
        settings: of the flow.
        train: whether what it makes is training data; topics never are.
        together: seeds under way at a time.
    """

    name: str
    label: str = Field("", pattern=r"^[a-z0-9_-]*$")
    seeds: tuple[str, ...] = ()
    accept: int | None = Field(None, gt=0)
    settings: dict[str, Any] = Field(default_factory=dict)
    train: bool = True
    together: int = Field(256, gt=0)

    @property
    def called(self) -> str:
        """The label, or what it is by default: the flow's own name."""
        return called(self.name, self.label)


class QualitySection(Section):
    """The teacher marks a sample for educational value, a classifier learns the marks, and the lowest part goes.

    Attributes:
        sample: records to be marked; 0 leaves the classifier out.
        keep: share of the records to keep.
        good_from: a mark (0 to 5) from here on counts as good.
    """

    sample: int = Field(200, ge=0)
    keep: float = Field(0.9, gt=0, le=1)
    good_from: float = Field(3.0, gt=0, le=5)


class DataCuration(Section):
    """Gates between the flows and the shards.

    Attributes:
        languages: ISO 639 codes to keep; none keeps all.
        fewest_words: of a record.
        duplicates: similarity from which two records are near duplicates.
        benchmarks: folder whose items must not be in the data; without it nothing is decontaminated.
        common_records: a 13-gram in more records than this is common and allowed.
        contaminated_ratio: share of an item's 7-grams from which a record is dropped.
        info_ratio: share from which a record is marked and kept.
        shares: mixture of kinds, by characters; without it every record is taken once.
        epochs_cap: most repetitions of a kind within the mixture.
    """

    languages: tuple[str, ...] = ("en",)
    fewest_words: int = Field(10, ge=0)
    duplicates: float = Field(0.7, gt=0.05, le=1)
    benchmarks: str = ""
    common_records: int = Field(10, gt=0)
    contaminated_ratio: float = Field(0.5, gt=0, le=1)
    info_ratio: float = Field(0.25, gt=0, le=1)
    shares: dict[str, float] = Field(default_factory=dict)
    epochs_cap: float = Field(4.0, ge=1)


class Shards(Section):
    """The tokens.

    Attributes:
        tokenizer: folder with a tokenizer, of the model to be tuned; by default that of [tune], else the embedded one.
        row_length: positions a row trains; a longer conversation is left out.
        heldout: share of the conversations that is kept out of training.
    """

    tokenizer: str = ""
    row_length: int = Field(2048, ge=32)
    heldout: float = Field(0.02, ge=0, lt=1)


class Tune(Section):
    """Fine-tune a checkpoint on the conversations.

    Attributes:
        checkpoint: a Hugging Face folder.
        epochs: over the conversations.
        batch_rows: rows a step.
        micro_rows: rows a forward pass.
        matrix_lr: of matrices (Muon).
        scalar_lr: of all else (AdamW).
        warmup: share of the steps.
        warmdown: share of the steps.
        evaluations: on the held-out conversations, the last at the end.
        save_seconds: between saved states.
        threads: CPU threads; 0 = all cores.
        dtype: of the checkpoint that is written.
    """

    checkpoint: str
    epochs: float = Field(2.0, gt=0)
    batch_rows: int = Field(4, gt=0)
    micro_rows: int = Field(16, gt=0)
    matrix_lr: float = Field(0.0005, gt=0)
    scalar_lr: float = Field(0.0002, gt=0)
    warmup: float = Field(0.05, ge=0, lt=1)
    warmdown: float = Field(0.6, gt=0, le=1)
    evaluations: int = Field(4, gt=0)
    save_seconds: float = Field(15.0, gt=0)
    threads: int = Field(0, ge=0)
    dtype: Literal["float32", "float16"] = "float32"


class Scale(Section):
    """Who does the work; it has no influence on what comes out.

    Attributes:
        executor: "processes" of this machine, "slurm" for a member of a job array, "ray".
        workers: processes or Ray tasks.
        address: of a Ray cluster; a local one by default.
        ledger: of the teacher's requests, where members on other machines need one of their own on a local disk.
    """

    executor: Literal["processes", "slurm", "ray"] = "processes"
    workers: int = Field(1, gt=0)
    address: str = ""
    ledger: str = ""

    @property
    def alone(self) -> bool:
        """Whether one process does it all."""
        return self.executor == "processes" and self.workers == 1


class DataRecipe(Section):
    """A recipe for data; that it has flows tells it from one for a model."""

    name: str = Field(..., pattern=r"^[a-z0-9][a-z0-9-]*$")
    seed: int = Field(0, ge=0, lt=2**31)
    teacher: TeacherSection = TeacherSection()
    budget: Budget = Budget()
    topics: Topics = Topics()
    seeds: SeedTexts = SeedTexts()
    flow: tuple[FlowSection, ...] = Field(..., min_length=1)
    quality: QualitySection = QualitySection()
    curate: DataCuration = DataCuration()
    shards: Shards = Shards()
    tune: Tune | None = None
    scale: Scale = Scale()

    @model_validator(mode="after")
    def _connected(self) -> Self:
        known = [TOPICS] * bool(self.topics.names or self.topics.file) + [TEXTS] * bool(self.seeds.path)
        if not known:
            raise ValueError("nothing to begin with: give [topics] names = [...] or [seeds] path = ...")
        for one in self.flow:
            for source in self.seeds_of(one):
                if source not in known:
                    raise ValueError(f"flow {one.called!r} starts from {source!r}; there is {', '.join(known)}")
            if one.called in known:
                raise ValueError(f"two flows are called {one.called!r}: give one a label of its own")
            known.append(one.called)
        return self

    def seeds_of(self, flow: FlowSection) -> tuple[str, ...]:
        """What a flow starts from; by default the topics, or else the texts."""
        return flow.seeds or ((TOPICS,) if self.topics.names or self.topics.file else (TEXTS,))
