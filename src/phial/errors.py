"""The one exception a user is meant to read: it says what was wrong, where, and what to do."""


class PhialError(Exception):
    """A problem that the user can act on; the command line prints it without a traceback.

    Args:
        what: the fault, with the offending value.
        where: the file, key or stage it was found in.
        do: the next step for the user.
    """

    def __init__(self, what: str, *, where: str = "", do: str = "") -> None:
        self.what, self.where, self.do = what, where, do
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """The message, one aspect a line, as the command line prints it."""
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.do:
            lines.append(f"  what to do: {self.do}")
        return lines
