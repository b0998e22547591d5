"""The errors genlab raises on purpose.  Each says what was found, what was expected, what to do."""


class GenlabError(Exception):
    """Base of every expected problem; the command line prints it in one line and exits with 1."""


class ConfigError(GenlabError):
    """A setting is missing, unknown or out of range."""


class InputError(GenlabError):
    """Input from outside (a file, an array, a label) is not what the operation can take."""


class StoreError(GenlabError):
    """The store refused an operation: unknown operation, wrong parameters, failed transaction."""


class StoreUnavailable(StoreError):
    """No owner process answers within the time allowed."""


class SchemaError(StoreError):
    """The database was made by a newer genlab, or a migration failed."""


class CheckpointError(GenlabError):
    """A model version on disk is missing, damaged or of another kind."""


class NotReady(GenlabError):
    """The operation needs something that does not exist yet (a model, embeddings, labels)."""
