"""Exercise templates about numbers."""

from __future__ import annotations

import math
from random import Random

from phial.synth.exercises.template import Draft, Family

_NUMBER = ("n", "number", "value", "x", "num")
_FIZZ_WORDS = ("fizz", "buzz", "ping", "pong", "tick", "tock", "hop", "clap", "beep", "zip")


def _max_of_three(random: Random) -> Draft:
    a, b, c = random.choice((("a", "b", "c"), ("x", "y", "z"), ("first", "second", "third"), ("p", "q", "r")))
    largest = random.random() < 0.5
    word = (
        random.choice(("largest", "biggest", "greatest")) if largest else random.choice(("smallest", "least", "lowest"))
    )
    result, sign = random.choice(("best", "result", "answer")), ">" if largest else "<"
    body = (
        f"{result} = {a}\nif {b} {sign} {result}:\n    {result} = {b}\nif {c} {sign} {result}:\n"
        f"    {result} = {c}\nreturn {result}"
    )
    cases: list[tuple[int, int, int]] = []
    for place in (0, 1, 2, 0, 1, 2):
        numbers = sorted(random.sample(range(-20, 60), 3), reverse=largest)
        extreme = numbers.pop(0)
        numbers.insert(place, extreme)
        cases.append((numbers[0], numbers[1], numbers[2]))
    random.shuffle(cases)
    return Draft(
        random.choice((f"{word}_of_three", f"{word}_of", f"find_{word}", f"pick_{word}")),
        (a, b, c),
        random.choice((f"Return the {word} of {a}, {b} and {c}.", f"Return the {word} of three numbers.")),
        body,
        max if largest else min,
        cases,
    )


def _factorial(random: Random) -> Draft:
    n, result = random.choice(_NUMBER), random.choice(("result", "product", "answer"))
    step = random.choice(("i", "k", "factor"))
    loops = (
        f"{result} = 1\nfor {step} in range(2, {n} + 1):\n    {result} *= {step}\nreturn {result}",
        f"{result} = 1\nwhile {n} > 1:\n    {result} *= {n}\n    {n} -= 1\nreturn {result}",
    )
    wordings = (
        f"Return the factorial of {n}.",
        f"Return the product of all integers from 1 to {n}.",
        f"Return 1 * 2 * ... * {n}; the factorial of 0 is 1.",
    )
    cases = [(number,) for number in random.sample(range(2, 10), 4)] + [(0,), (1,)]
    name = random.choice(("factorial", "get_factorial", "factorial_of", "product_up_to"))
    return Draft(name, (n,), random.choice(wordings), random.choice(loops), math.factorial, cases)


def _fizz_word(random: Random) -> Draft:
    n = random.choice(_NUMBER)
    first, second = random.sample(range(2, 8), 2)
    while math.gcd(first, second) != 1:
        first, second = random.sample(range(2, 8), 2)
    one, other = random.sample(_FIZZ_WORDS, 2)
    task = (
        f'Return "{one}" if {n} is divisible by {first}, "{other}" if by {second},\n'
        f'    "{one + other}" if by both, and {n} as a string otherwise.'
    )
    body = (
        f"if {n} % {first * second} == 0:\n    return {one + other!r}\n"
        f"if {n} % {first} == 0:\n    return {one!r}\n"
        f"if {n} % {second} == 0:\n    return {other!r}\n"
        f"return str({n})"
    )

    def reference(number: int) -> str:
        return (one * (number % first == 0) + other * (number % second == 0)) or str(number)

    plain = next(number for number in range(random.randint(10, 30), 99) if number % first and number % second)
    cases = [(first * (second + 1),), (first * second * random.randint(1, 3),), (second * (first + 1),), (plain,), (1,)]
    random.shuffle(cases)
    name = random.choice((f"{one}_{other}", f"say_{one}", f"{one}_or_{other}", "word_for"))
    return Draft(name, (n,), task, body, reference, cases)


def _is_prime(random: Random) -> Draft:
    n, d = random.choice(_NUMBER), random.choice(("d", "i", "divisor", "k"))
    bodies = (
        (
            f"if {n} < 2:\n    return False\nfor {d} in range(2, {n}):\n    if {n} % {d} == 0:\n"
            "        return False\nreturn True"
        ),
        (
            f"if {n} < 2:\n    return False\n{d} = 2\nwhile {d} * {d} <= {n}:\n    if {n} % {d} == 0:\n"
            f"        return False\n    {d} += 1\nreturn True"
        ),
    )
    wordings = (
        f"Return True if {n} is a prime number, otherwise False.",
        f"Tell whether {n} is prime.",
        f"Check if {n} has no divisor other than 1 and itself; 1 is not prime.",
    )
    primes = [number for number in range(2, 60) if all(number % divisor for divisor in range(2, number))]
    others = [number for number in range(4, 60) if number not in primes]
    cases = [(number,) for number in random.sample(primes, 3) + random.sample(others, 3)]
    random.shuffle(cases)
    name = random.choice(("is_prime", "check_prime", "prime_number", "has_no_divisors"))
    return Draft(
        name, (n,), random.choice(wordings), random.choice(bodies), lambda number: number in primes, [*cases, (1,)]
    )


def _clamp(random: Random) -> Draft:
    value = random.choice(_NUMBER)
    low, high = random.choice((("low", "high"), ("lower", "upper"), ("minimum", "maximum"), ("start", "end")))
    wordings = (
        f"Return {value} limited to the range from {low} to {high}.",
        f"Return {low} if {value} is below it, {high} if above it, else {value}.",
        f"Keep {value} between {low} and {high}.",
    )
    bodies = (
        f"if {value} < {low}:\n    return {low}\nif {value} > {high}:\n    return {high}\nreturn {value}",
        f"return max({low}, min({value}, {high}))",
    )
    bottom, top = random.randint(-9, 5), random.randint(8, 30)
    cases = [
        (random.randint(bottom, top), bottom, top),
        (top + random.randint(1, 9), bottom, top),
        (bottom - random.randint(1, 9), bottom, top),
        (top, 0, top),
        (-3, 0, top),
    ]
    name = random.choice(("clamp", "limit", "keep_in_range", "restrict"))
    return Draft(
        name,
        (value, low, high),
        random.choice(wordings),
        random.choice(bodies),
        lambda v, a, b: sorted((v, a, b))[1],
        cases,
    )


def _temperature(random: Random) -> Draft:
    to_celsius = random.random() < 0.5
    t = random.choice(("degrees", "temperature", "t", "temp"))
    result = random.choice(("result", "converted", "answer"))
    if to_celsius:
        source, target, formula = "Fahrenheit", "Celsius", f"({t} - 32) * 5 / 9"
        name = random.choice(("to_celsius", "fahrenheit_to_celsius", "celsius"))
    else:
        source, target, formula = "Celsius", "Fahrenheit", f"{t} * 9 / 5 + 32"
        name = random.choice(("to_fahrenheit", "celsius_to_fahrenheit", "fahrenheit"))
    wordings = (
        f"Convert {t} from {source} to {target}.",
        f"Return the {target} value of {t}, given in {source}.",
        f"Change {source} {t} into {target}.",
    )
    body = random.choice((f"return {formula}", f"{result} = {formula}\nreturn {result}"))
    celsius = {5 * step: float(32 + 9 * step) for step in range(-8, 21)}
    fahrenheit = {int(value): float(degrees) for degrees, value in celsius.items()}
    table = fahrenheit if to_celsius else celsius
    cases = [(degrees,) for degrees in random.sample(sorted(table), 5)]
    return Draft(name, (t,), random.choice(wordings), body, table.__getitem__, cases)


def _digit_sum(random: Random) -> Draft:
    n, total, digit = random.choice(_NUMBER), random.choice(("total", "result", "s")), random.choice(("digit", "d"))
    bodies = (
        f"{total} = 0\nfor {digit} in str({n}):\n    {total} += int({digit})\nreturn {total}",
        f"{total} = 0\nwhile {n} > 0:\n    {total} += {n} % 10\n    {n} //= 10\nreturn {total}",
        f"return sum(int({digit}) for {digit} in str({n}))",
    )
    wordings = (
        f"Return the sum of the digits of {n}.",
        f"Add up all digits of the positive integer {n}.",
        f"Return what the digits of {n} add up to.",
    )
    cases = [
        (random.randint(10, 99),),
        (random.randint(100, 999),),
        (random.randint(1000, 99999),),
        (random.randint(1, 9),),
        (100,),
    ]
    name = random.choice(("digit_sum", "sum_digits", "sum_of_digits", "add_digits"))
    return Draft(
        name,
        (n,),
        random.choice(wordings),
        random.choice(bodies),
        lambda v: sum(v // 10**k % 10 for k in range(9)),
        cases,
    )


def _gcd(random: Random) -> Draft:
    a, b = random.choice((("a", "b"), ("x", "y"), ("m", "n"), ("first", "second")))
    loop = f"while {b} != 0:\n    {a}, {b} = {b}, {a} % {b}\nreturn {a}"
    search = f"for d in range(min({a}, {b}), 0, -1):\n    if {a} % d == 0 and {b} % d == 0:\n        return d\nreturn 1"
    wordings = (
        f"Return the greatest common divisor of {a} and {b}.",
        f"Return the largest number that divides both {a} and {b}.",
        "Find the greatest common divisor of two positive integers.",
    )
    cases = []
    for factor in (*random.sample(range(2, 12), 4), 1):
        cases.append((factor * random.randint(1, 9), factor * random.randint(1, 9)))
    name = random.choice(("gcd", "greatest_common_divisor", "common_divisor", "find_gcd"))
    return Draft(name, (a, b), random.choice(wordings), random.choice((loop, search)), math.gcd, cases)


def _sum_of_multiples(random: Random) -> Draft:
    n, total, step = random.choice(_NUMBER), random.choice(("total", "result")), random.choice(("i", "k"))
    factor = random.randint(2, 9)
    bodies = (
        (
            f"{total} = 0\nfor {step} in range(1, {n} + 1):\n    if {step} % {factor} == 0:\n"
            f"        {total} += {step}\nreturn {total}"
        ),
        f"return sum({step} for {step} in range({factor}, {n} + 1, {factor}))",
    )
    wordings = (
        f"Return the sum of the multiples of {factor} from 1 to {n}.",
        f"Add all numbers up to and including {n} that {factor} divides.",
    )
    cases = [(random.randint(factor, 4 * factor),), (random.randint(10, 40),), (factor,), (factor - 1,), (5 * factor,)]
    name = random.choice(("sum_multiples", f"sum_multiples_of_{factor}", "add_multiples", "multiples_total"))

    def reference(limit: int) -> int:
        count = limit // factor
        return factor * count * (count + 1) // 2

    return Draft(name, (n,), random.choice(wordings), random.choice(bodies), reference, cases)


def _multiples(random: Random) -> Draft:
    n, count = random.choice((("n", "count"), ("number", "how_many"), ("step", "count"), ("x", "length")))
    result, i = random.choice(("result", "multiples", "numbers")), random.choice(("i", "k"))
    bodies = (
        f"{result} = []\nfor {i} in range(1, {count} + 1):\n    {result}.append({n} * {i})\nreturn {result}",
        f"return [{n} * {i} for {i} in range(1, {count} + 1)]",
    )
    wordings = (
        f"Return a list of the first {count} multiples of {n}.",
        f"Return [{n}, 2 * {n}, ...] with {count} items.",
        f"List the first {count} multiples of {n}, starting with {n} itself.",
    )
    cases = [(random.randint(2, 12), random.randint(2, 6)) for _ in range(4)] + [(random.randint(2, 9), 0)]
    name = random.choice(("multiples", "first_multiples", "list_multiples", "times_table"))
    return Draft(
        name,
        (n, count),
        random.choice(wordings),
        random.choice(bodies),
        lambda v, k: list(range(v, v * k + 1, v)),
        cases,
    )


def _divisible(random: Random) -> Draft:
    n, divisor = random.choice(_NUMBER), random.randint(2, 12)
    wordings = (
        f"Return True if {n} is divisible by {divisor}.",
        f"Tell whether {divisor} divides {n} without a remainder.",
        f"Check if {n} is a multiple of {divisor}.",
    )
    bodies = (
        f"return {n} % {divisor} == 0",
        f"if {n} % {divisor} == 0:\n    return True\nreturn False",
    )
    multiples = [divisor * k for k in random.sample(range(1, 15), 3)]
    others = [multiple + random.randint(1, divisor - 1) for multiple in multiples]
    cases = [(number,) for number in multiples + others]
    random.shuffle(cases)
    name = random.choice((f"divisible_by_{divisor}", "is_divisible", f"is_multiple_of_{divisor}", "divides_evenly"))
    return Draft(
        name, (n,), random.choice(wordings), random.choice(bodies), lambda v: math.gcd(v, divisor) == divisor, cases
    )


def _power(random: Random) -> Draft:
    base, exponent = random.choice((("base", "exponent"), ("x", "n"), ("number", "times"), ("a", "b")))
    result, i = random.choice(("result", "product", "answer")), random.choice(("_", "i"))
    body = f"{result} = 1\nfor {i} in range({exponent}):\n    {result} *= {base}\nreturn {result}"
    wordings = (
        f"Return {base} to the power of {exponent} without using **.",
        f"Multiply {base} by itself {exponent} times, starting from 1.",
        f"Return the product of {exponent} copies of {base}.",
    )
    cases = [(random.randint(2, 9), random.randint(2, 4)) for _ in range(4)] + [(random.randint(2, 9), 0), (-2, 3)]
    name = random.choice(("power", "raise_to", "repeated_product", "my_pow"))
    return Draft(name, (base, exponent), random.choice(wordings), body, lambda a, b: a**b, cases)


FAMILIES = (
    Family("max_of_three", 1, 2, _max_of_three),
    Family("factorial", 1, 2, _factorial),
    Family("fizz_word", 1, 3, _fizz_word),
    Family("is_prime", 1, 3, _is_prime),
    Family("clamp", 1, 1, _clamp),
    Family("temperature", 1, 1, _temperature),
    Family("digit_sum", 1, 2, _digit_sum),
    Family("greatest_common_divisor", 1, 3, _gcd),
    Family("sum_of_multiples", 1, 3, _sum_of_multiples),
    Family("multiples", 1, 2, _multiples),
    Family("divisible", 1, 1, _divisible),
    Family("power", 1, 2, _power),
)
