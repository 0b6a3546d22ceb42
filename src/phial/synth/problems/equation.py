"""How a worked equation is written: with the partial results that make every sign of it easy to find.

A small model reads and writes digits one by one, largest first. In "58 + 78 = 136" the first digit depends on a carry
that was never written down; in "58 + 78 = 120 + 16 = 136" every number follows from two digits. The middle part is
written only where it helps. Measured on the demo's recipe: most wrong answers were a missed carry or borrow.
"""

TABLE = 12  # products up to 12 * 12 and multiples of ten are facts; larger ones are worked


def equation(left: int, operator: str, right: int, value: int) -> str:
    """Writes "left operator right = value", with the sum or difference of tens and ones between where it helps.

    Args:
        left: A number; anything but a positive int is written without a middle part.
        operator: One of + - * /.
        right: A number.
        value: The exact result.

    Returns:
        A chain of equal terms, such as "53 - 47 = 10 - 4 = 6" or "7 * 58 = 350 + 56 = 406".
    """
    middle = ""
    if type(left) is int and type(right) is int and type(value) is int:
        middle = _MIDDLES[operator](left, right, value)
    return f"{left} {operator} {right} = {middle}{value}"


def _sum(left: int, right: int, value: int) -> str:
    unit = 10 if left % 10 == right % 10 == 0 else 1
    ones = left // unit % 10 + right // unit % 10
    if ones < 10 or (left < 10 * unit and right < 10 * unit):
        return ""
    return f"{value - ones * unit} + {ones * unit} = "


def _difference(left: int, right: int, value: int) -> str:
    unit = 10 if left % 10 == right % 10 == 0 else 1
    missing = right // unit % 10 - left // unit % 10
    if missing <= 0 or (right < 10 * unit and (left < 20 * unit or left % (10 * unit) == 0)):
        return ""
    return f"{value + missing * unit} - {missing * unit} = "


def _product(left: int, right: int, value: int) -> str:
    few, many = sorted((left, right))
    if many <= TABLE or many % 10 == 0 or few <= 1 or few == 10:
        return ""
    ones = many % 10 * few
    return f"{value - ones} + {ones} = "


def _quotient(left: int, right: int, value: int) -> str:
    if value <= TABLE or value % 10 == 0 or right in (1, 10, 100, 1000):
        return ""
    ones = value % 10
    return f"{(value - ones) * right} / {right} + {ones * right} / {right} = {value - ones} + {ones} = "


_MIDDLES = {"+": _sum, "-": _difference, "*": _product, "/": _quotient}


def multiples(number: int, total: int) -> str:
    """Searches how often a number fits into a total: five times, then fewer, or ten times and then more or fewer.

    Args:
        number: At least 1.
        total: At least `number`, and no multiple of it.

    Returns:
        Text such as "5 * 9 = 45 < 67, 10 * 9 = 90 > 67, 6 * 9 = 54 < 67, 7 * 9 = 63 < 67, 8 * 9 = 72 > 67".
    """
    fits = total // number
    if fits < 5:
        tries = range(5, fits - 1, -1)
    elif fits < 10:
        tries = (5, 10, *range(6, min(fits + 2, 10)))
    else:
        tries = (5, *range(10, fits + 2))
    return ", ".join(f"{n} * {number} = {n * number} {'<' if n <= fits else '>'} {total}" for n in tries)
