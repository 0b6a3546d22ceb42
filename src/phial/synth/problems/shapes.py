"""Shapes with equal sides and triangles, and the fence around a garden with a gate."""

from phial.synth.problems.lang import Family, Step, Variant, span

_A_TRIANGLE = "a + b > c and a + c > b and b + c > a"

FAMILIES = (
    Family(
        name="equal_sides",
        skill="geometry",
        version=1,
        idea=(
            "A square has 4 equal sides. If one side is 6 cm, the perimeter is 4 * 6 = 24 cm.",
            (
                "When all sides of a shape are equal, multiply the number of sides by one side. 5 sides of 7 cm: 5 * 7 "
                "= 35 cm."
            ),
            (
                "A wire of 50 cm is bent to a square with sides of 10 cm. It takes 4 * 10 = 40 cm, so 50 - 40 = 10 cm "
                "are left."
            ),
            (
                "A shape with 3 equal sides is a triangle, with 4 it can be a square, and with 6 it is a hexagon. Each "
                "side is passed once on the way around."
            ),
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"sides": span(3, 10, (11, 12)), "side": span(2, 90, (100, 120))},
                wordings=(
                    "{name} draws a shape with {sides} equal sides of {side} cm. What is the perimeter in cm?",
                    (
                        "A shape has {sides} sides. {name} measures {side} cm for each of them. How many cm is the "
                        "perimeter?"
                    ),
                    (
                        "How many cm of wire does {name} need for a shape with {sides} equal sides if one side is "
                        "{side} cm long?"
                    ),
                    (
                        "Each of the {sides} sides of the garden of {name} is {side} meters long. How many meters is "
                        "it around the garden?"
                    ),
                    (
                        "{name} walks around a field with {sides} sides of {side} meters each. How many meters does "
                        "{name} walk?"
                    ),
                ),
                work=(Step("perimeter", "sides * side", "Perimeter: {eq}."),),
                answer="side * sides",
                where="side <= 12 or side % 10 == 0 and sides <= 9",
                distractors=("{third} is {extra} years old.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=2,
                quantities={"sides": span(3, 10, (11, 12)), "side": span(2, 12, (13, 20)), "left": span(2, 60)},
                wordings=(
                    (
                        "{name} has {sides * side + left} cm of wire and bends a shape with {sides} equal sides of "
                        "{side} cm. How many cm of wire are left?"
                    ),
                    (
                        "A shape has {sides} sides of {side} cm each. {name} makes it from a wire of "
                        "{sides * side + left} cm. How many cm remain?"
                    ),
                    (
                        "How many cm of a ribbon are left if it is {sides * side + left} cm long and {name} uses it "
                        "for {sides} sides of {side} cm?"
                    ),
                    (
                        "Each of the {sides} sides of a garden is {side} meters long. {name} has {sides * side + left} "
                        "meters of fence. How many meters of fence are not needed?"
                    ),
                    (
                        "{name} runs {sides * side + left} meters a day. Today {name} has run along {sides} sides of a "
                        "field, {side} meters each. How many meters are left?"
                    ),
                ),
                work=(
                    Step("wire", "sides * side + left", ""),
                    Step("perimeter", "sides * side", "Perimeter: {eq}."),
                    Step("rest", "wire - perimeter", "Left: {eq}."),
                ),
                answer="left",
                distractors=("{third} is {extra} years old.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=3,
                quantities={
                    "sides": span(3, 9, (10, 12)),
                    "side": span(2, 12, (13, 20)),
                    "sides2": span(3, 9, (10, 12)),
                    "side2": span(2, 12, (13, 20)),
                },
                wordings=(
                    (
                        "{name} draws a shape with {sides} equal sides of {side} cm and a shape with {sides2} equal "
                        "sides of {side2} cm. How many cm are both perimeters together?"
                    ),
                    (
                        "One shape of {name} has {sides} sides of {side} cm each. The other has {sides2} sides of "
                        "{side2} cm each. How many cm is it around both?"
                    ),
                    (
                        "How many cm of wire does {name} need for {sides} sides of {side} cm and {sides2} sides of "
                        "{side2} cm?"
                    ),
                    (
                        "{name} has two gardens. One has {sides} sides of {side} meters, and one has {sides2} sides of "
                        "{side2} meters. How many meters of fence are needed for both?"
                    ),
                    (
                        "{name} walks around a field with {sides} sides of {side} meters. Then {name} walks around a "
                        "field with {sides2} sides of {side2} meters. How many meters is that in all?"
                    ),
                ),
                work=(
                    Step("first", "sides * side", "First: {eq}."),
                    Step("second", "sides2 * side2", "Second: {eq}."),
                    Step("total", "first + second", "Together: {eq}."),
                ),
                answer="side2 * sides2 + side * sides",
                distractors=("{third} is {extra} years old.",),
            ),
        ),
    ),
    Family(
        name="triangle_perimeter",
        skill="geometry",
        version=1,
        idea=(
            "A triangle has three sides. Add all three to find the perimeter: 3 + 4 = 7, and 7 + 5 = 12.",
            "The perimeter of a triangle is the sum of its sides. Add two sides first, and then the last one.",
            "To go around a triangle with sides of 6, 8 and 10 meters: 6 + 8 = 14, and 14 + 10 = 24 meters.",
            "A string that is longer than the perimeter has some left: 30 - 24 = 6.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"two": span(9, 99), "c": span(4, 80)},
                wordings=(
                    (
                        "{name} draws a triangle. Two sides together are {two} cm, and the third side is {c} cm. What "
                        "is the perimeter in cm?"
                    ),
                    (
                        "One side of a triangle is {c} cm. {name} measures {two} cm for the two other sides together. "
                        "How many cm is the perimeter?"
                    ),
                    (
                        "How many meters is it around a garden with three sides if {name} walks {two} meters along two "
                        "sides and {c} meters along the last?"
                    ),
                    (
                        "{name} bends a wire to a triangle. {two} cm are used for two sides and {c} cm for the last "
                        "side. How long is the wire in cm?"
                    ),
                    (
                        "The last side of a field with three sides is {c} meters. The first two sides are {two} meters "
                        "together. How many meters does {name} walk around it?"
                    ),
                ),
                work=(Step("perimeter", "two + c", "Perimeter: {eq}."),),
                answer="c + two",
                where="two > c",
                distractors=("{third} is {extra} years old.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=2,
                quantities={"a": span(3, 60), "b": span(3, 60), "c": span(3, 60)},
                wordings=(
                    "{name} draws a triangle. The sides are {a} cm, {b} cm and {c} cm. What is the perimeter in cm?",
                    (
                        "{name} has a triangle with a side of {a} cm, a side of {b} cm and a side of {c} cm. How many "
                        "cm is the perimeter?"
                    ),
                    "How many meters is it around a garden of {name} with three sides of {a}, {b} and {c} meters?",
                    (
                        "{name} bends a wire to a triangle with sides of {a} cm, {b} cm and {c} cm. How long is the "
                        "wire in cm?"
                    ),
                    (
                        "{name} walks around a field with three sides. They are {a}, {b} and {c} meters long. How many "
                        "meters does {name} walk?"
                    ),
                ),
                work=(
                    Step("two", "a + b", "Two sides: {eq}."),
                    Step("perimeter", "two + c", "Perimeter: {eq}."),
                ),
                answer="c + b + a",
                where=_A_TRIANGLE,
                distractors=("{third} is {extra} years old.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=3,
                quantities={"a": span(3, 50), "b": span(3, 50), "c": span(3, 50), "left": span(2, 40)},
                wordings=(
                    (
                        "{name} has {a + b + c + left} cm of wire and bends a triangle with sides of {a} cm, {b} cm "
                        "and {c} cm. How many cm of wire are left?"
                    ),
                    (
                        "A triangle has sides of {a} cm, {b} cm and {c} cm. {name} makes it from a wire of "
                        "{a + b + c + left} cm. How many cm remain?"
                    ),
                    (
                        "How many cm of a ribbon are left if it is {a + b + c + left} cm long and {name} uses it for "
                        "three sides of {a} cm, {b} cm and {c} cm?"
                    ),
                    (
                        "The three sides of a garden are {a}, {b} and {c} meters long. {name} has {a + b + c + left} "
                        "meters of fence. How many meters of fence are not needed?"
                    ),
                    (
                        "{name} runs {a + b + c + left} meters a day. Today {name} has run along three sides of a "
                        "field of {a}, {b} and {c} meters. How many meters are left?"
                    ),
                ),
                work=(
                    Step("wire", "a + b + c + left", ""),
                    Step("two", "a + b", "Two sides: {eq}."),
                    Step("perimeter", "two + c", "Perimeter: {eq}."),
                    Step("rest", "wire - perimeter", "Left: {eq}."),
                ),
                answer="left",
                where=_A_TRIANGLE,
                distractors=("{third} is {extra} years old.",),
            ),
        ),
    ),
)

UNSEEN = (
    Family(
        name="fence_with_gate",
        skill="geometry",
        version=1,
        idea=(
            "A fence goes around a garden, but not across the gate. Find the perimeter, and then subtract the gate.",
            "With a way around of 30 meters and a gate of 3 meters, the fence is 30 - 3 = 27 meters long.",
            (
                "A square garden with sides of 8 meters has a perimeter of 4 * 8 = 32 meters. Less a gate of 2 meters, "
                "30 are left."
            ),
            "For a garden of 6 by 4 meters: 6 + 4 = 10, 2 * 10 = 20, and with a gate of 3 meters 20 - 3 = 17.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"around": span(20, 150), "gate": span(2, 12)},
                wordings=(
                    (
                        "It is {around} meters around the garden of {name}. A gate of {gate} meters needs no fence. "
                        "How many meters of fence are needed?"
                    ),
                    (
                        "{name} puts a fence around a yard with a perimeter of {around} meters and leaves {gate} "
                        "meters for a gate. How long is the fence in meters?"
                    ),
                    (
                        "How many meters of fence does {name} need for a field with a perimeter of {around} meters and "
                        "a gate of {gate} meters?"
                    ),
                    (
                        "A gate of {gate} meters is left open in a fence around a garden. The perimeter is {around} "
                        "meters. How many meters of fence does {name} build?"
                    ),
                    (
                        "The perimeter of the yard of {name} is {around} meters. There is a gate of {gate} meters. How "
                        "many meters of fence are needed for the other part?"
                    ),
                ),
                work=(Step("fence", "around - gate", "Left: {eq}."),),
                answer="around - gate",
                where="around > gate + 1",
                distractors=("{third} is {extra} years old.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=2,
                quantities={"side": span(4, 60, (61, 90)), "gate": span(2, 12), "sides": span(3, 8, (9, 10))},
                wordings=(
                    (
                        "The garden of {name} has {sides} equal sides of {side} meters. A gate of {gate} meters needs "
                        "no fence. How many meters of fence are needed?"
                    ),
                    (
                        "{name} puts a fence around a yard with {sides} sides of {side} meters each and leaves {gate} "
                        "meters for a gate. How long is the fence in meters?"
                    ),
                    (
                        "How many meters of fence does {name} need for a field with {sides} sides of {side} meters "
                        "each and a gate of {gate} meters?"
                    ),
                    (
                        "A gate of {gate} meters is left open in a fence around a garden. The garden has {sides} sides "
                        "of {side} meters each. How many meters of fence does {name} build?"
                    ),
                    (
                        "Each of the {sides} sides of the yard of {name} is {side} meters long. There is a gate of "
                        "{gate} meters. How many meters of fence are needed for the other part?"
                    ),
                ),
                work=(
                    Step("perimeter", "sides * side", "Perimeter: {eq}."),
                    Step("fence", "perimeter - gate", "Left: {eq}."),
                ),
                answer="side * sides - gate",
                where="side > gate and (side <= 12 or side % 10 == 0)",
                distractors=("{third} is {extra} years old.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=3,
                quantities={"length": span(5, 60), "width": span(4, 39), "gate": span(2, 12)},
                wordings=(
                    (
                        "The garden of {name} is {length} meters long and {width} meters wide. A gate of {gate} meters "
                        "needs no fence. How many meters of fence are needed?"
                    ),
                    (
                        "{name} puts a fence around a yard of {length} meters by {width} meters and leaves {gate} "
                        "meters for a gate. How long is the fence in meters?"
                    ),
                    (
                        "How many meters of fence does {name} need for a field of {length} by {width} meters with a "
                        "gate of {gate} meters?"
                    ),
                    (
                        "A gate of {gate} meters is left open in a fence around a garden. The garden is {width} meters "
                        "wide and {length} meters long. How many meters of fence does {name} build?"
                    ),
                    (
                        "The yard of {name} has a length of {length} meters and a width of {width} meters. There is a "
                        "gate of {gate} meters. How many meters of fence are needed for the other part?"
                    ),
                ),
                work=(
                    Step("half", "length + width", "Two sides: {eq}."),
                    Step("perimeter", "2 * half", "Perimeter: {eq}."),
                    Step("fence", "perimeter - gate", "Left: {eq}."),
                ),
                answer="2 * length + 2 * width - gate",
                where="length > width and width > gate",
                distractors=("{third} is {extra} years old.",),
            ),
        ),
    ),
)
