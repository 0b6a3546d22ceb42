"""What every section of a recipe is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section that knows all of its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
