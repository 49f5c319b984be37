"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

Flat = Parameter(name="*")
Out = Annotated[Path, Parameter(help="Folder for the results; made by the command.")]
Overwrite = Annotated[bool, Parameter(help="Replace the folder if it exists.", negative="")]
