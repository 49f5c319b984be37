"""Read every folder given and print what came of it as JSON; run outside pytest, where no shapes are checked."""

import json
import sys

from hybridff.errors import InputError
from hybridff.export.modelfile import read_model

outcomes = []
for folder in sys.argv[1:]:
    try:
        read_model(folder)
        outcomes.append(["read", ""])
    except InputError as error:
        outcomes.append(["refused", str(error)])
    except Exception as error:  # noqa: BLE001 (whatever escapes a reader is what is looked for)
        outcomes.append([type(error).__name__, str(error)])
print(json.dumps(outcomes))
