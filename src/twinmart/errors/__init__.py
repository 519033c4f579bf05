"""The error tree: everything that Twinmart can refuse, miss or not know, by what one can do about it.

A class is a kind of trouble with a stable code; an instance says what happened in three parts, after PostgreSQL's own
message style. The *message* is one line, begins in lower case, has no full stop and names the thing. The *detail* holds
facts and both sides of a comparison, lower libraries' text included. The *hint* is a full sentence with a next command.
The docstring of a class is its description in ``docs/reference/errors.md``.

An error that is none of these is a mistake of ours: exit code 1, traceback to the log.

Each family has a module of its own; everybody imports from here.
"""

from twinmart.errors.data import *
from twinmart.errors.failed import *
from twinmart.errors.not_ready import *
from twinmart.errors.refused import *
from twinmart.errors.tree import *
from twinmart.errors.unknown import *
from twinmart.errors.unreachable import *
from twinmart.errors.usage import *
