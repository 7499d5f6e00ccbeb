"""The one exception for what a user can mend."""


class Refusal(Exception):  # noqa: N818  it is a verdict, not a malfunction
    """Input, parameters or results that a rule does not let pass.

    The message stands alone: where (file, column, row or key), the value, the rule, the next step.
    Launchers print it without a traceback.
    """
