"""Geometry: the perimeter and area of rectangles, and the way around other shapes."""

from phial.synth.problems import shapes
from phial.synth.problems.lang import Family, Step, Variant, span

FAMILIES = (
    Family(
        name="rectangle_perimeter",
        skill="geometry",
        version=1,
        idea=(
            (
                "The perimeter is the way around a shape. A rectangle has two lengths and two widths, so add one of "
                "each and double it: 5 + 3 = 8, and 2 * 8 = 16."
            ),
            "To find the perimeter of a rectangle, add length and width, and multiply by 2.",
            (
                "Half of the way around a rectangle is one length and one width. With 9 cm and 4 cm: 9 + 4 = 13, 2 * "
                "13 = 26 cm."
            ),
            "Walking around a rectangle passes each side once. Two times the length plus the width is the perimeter.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"long": span(12, 98, step=2), "short": span(6, 80, step=2)},
                wordings=(
                    (
                        "{name} draws a rectangle. The two long sides together are {long} cm and the two short sides "
                        "are {short} cm. What is the perimeter in cm?"
                    ),
                    (
                        "{name} has a rectangle. Both long sides make {long} cm. Both short sides make {short} cm. How "
                        "many cm is the perimeter?"
                    ),
                    (
                        "How many meters is it around the garden of {name} if both long sides together are {long} "
                        "meters and both short sides {short} meters?"
                    ),
                    (
                        "{name} walks {long} meters along the two long sides of a field and {short} meters along the "
                        "two short sides. How many meters is it all around?"
                    ),
                    (
                        "{name} measures a picture. The top and the bottom are {long} cm together. The left and the "
                        "right are {short} cm together. How many cm is it around the picture?"
                    ),
                ),
                work=(Step("perimeter", "long + short", "Perimeter: {eq}."),),
                answer="short + long",
                where="long > short",
                distractors=("{third} is {extra} years old.",),
            ),
            Variant(
                steps=2,
                quantities={"length": span(3, 60), "width": span(2, 39)},
                wordings=(
                    (
                        "{name} draws a rectangle. It is {length} cm long and {width} cm wide. What is the perimeter "
                        "in cm?"
                    ),
                    (
                        "{name} has a rectangle with a length of {length} cm and a width of {width} cm. How many cm is "
                        "the perimeter?"
                    ),
                    (
                        "How many meters is it around the garden of {name} if it is {length} meters long and {width} "
                        "meters wide?"
                    ),
                    (
                        "{name} walks once around a field. It is {width} meters wide and {length} meters long. How "
                        "many meters does {name} walk?"
                    ),
                    (
                        "{name} puts a ribbon around a picture. The picture is {length} cm by {width} cm. How many cm "
                        "of ribbon are needed?"
                    ),
                ),
                work=(
                    Step("half", "length + width", "Two sides: {eq}."),
                    Step("perimeter", "2 * half", "Perimeter: {eq}."),
                ),
                answer="2 * length + 2 * width",
                where="length > width",
                distractors=("{third} is {extra} years old.",),
            ),
            Variant(
                steps=3,
                quantities={"length": span(3, 30, (31, 60)), "width": span(2, 20), "times": span(2, 9, (10, 12))},
                wordings=(
                    (
                        "{name} runs {times} times around a field. It is {length} meters long and {width} meters wide. "
                        "How many meters does {name} run?"
                    ),
                    (
                        "How many meters does {name} walk in {times} rounds around a garden of {length} meters by "
                        "{width} meters?"
                    ),
                    (
                        "A rectangle is {length} cm long and {width} cm wide. {name} draws {times} of them. How many "
                        "cm are all the perimeters together?"
                    ),
                    (
                        "{name} puts a ribbon {times} times around a picture of {length} cm by {width} cm. How many cm "
                        "of ribbon are needed?"
                    ),
                    (
                        "The yard of {name} is {width} meters wide and {length} meters long. A dog runs around it "
                        "{times} times. How many meters does the dog run?"
                    ),
                ),
                work=(
                    Step("half", "length + width", "Two sides: {eq}."),
                    Step("perimeter", "2 * half", "Perimeter: {eq}."),
                    Step("total", "perimeter * times", "Together: {eq}."),
                ),
                answer="2 * times * length + 2 * times * width",
                where="length > width and ((length + width) % 5 == 0 or length + width <= 6)",
                distractors=("{third} is {extra} years old.",),
            ),
        ),
    ),
    Family(
        name="rectangle_area",
        skill="geometry",
        version=1,
        idea=(
            (
                "The area of a rectangle is length times width. A floor of 5 meters by 4 meters has 5 * 4 = 20 square "
                "meters."
            ),
            "Count the squares in a rectangle: 6 in a row and 3 rows make 6 * 3 = 18 squares.",
            "Multiply the two sides of a rectangle to find its area. A part that is covered is subtracted.",
            "Areas can be added. Floors of 3 * 4 = 12 and 2 * 5 = 10 square meters have 12 + 10 = 22 together.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"length": span(2, 90, (100, 120)), "width": span(2, 12, (13, 15))},
                wordings=(
                    (
                        "{name} draws a rectangle. It is {length} cm long and {width} cm wide. What is its area in "
                        "square cm?"
                    ),
                    (
                        "{name} has a rectangle with a length of {length} cm and a width of {width} cm. How many "
                        "square cm is the area?"
                    ),
                    (
                        "The garden of {name} is {length} meters long and {width} meters wide. How many square meters "
                        "does it cover?"
                    ),
                    (
                        "How many square tiles does {name} need for a floor that is {length} tiles long and {width} "
                        "tiles wide?"
                    ),
                    (
                        "{name} paints a wall of {width} meters by {length} meters. How many square meters does {name} "
                        "paint?"
                    ),
                ),
                work=(Step("area", "length * width", "Area: {eq}."),),
                answer="width * length",
                where="width <= length and (length <= 12 or width <= 9 and length % 10 == 0 "
                "or length < 16 and width > 12)",
                distractors=("{third} is {extra} years old.", "It is {extra} degrees outside."),
            ),
            Variant(
                steps=2,
                quantities={"length": span(3, 12, (13, 15)), "width": span(2, 11, (12, 14)), "part": span(2, 60)},
                wordings=(
                    (
                        "{name} has a garden of {length} meters by {width} meters. A pond covers {part} square meters "
                        "of it. How many square meters are left?"
                    ),
                    (
                        "A floor is {length} tiles long and {width} tiles wide. {name} has {part} tiles in place. How "
                        "many tiles are missing?"
                    ),
                    (
                        "{name} paints a wall of {width} meters by {length} meters. {part} square meters are done. How "
                        "many square meters are left to paint?"
                    ),
                    (
                        "How many square cm of a sheet are left if it is {length} cm long and {width} cm wide and "
                        "{name} cuts off {part} square cm?"
                    ),
                    (
                        "The yard of {name} is {length} meters long and {width} meters wide. A path covers {part} "
                        "square meters. How many square meters remain?"
                    ),
                ),
                work=(Step("area", "length * width", "Area: {eq}."), Step("left", "area - part", "Left: {eq}.")),
                answer="width * length - part",
                where="length > width and length * width > part + 1",
                distractors=("{third} is {extra} years old.",),
            ),
            Variant(
                steps=3,
                quantities={
                    "length": span(3, 12, (13, 15)),
                    "width": span(2, 9, (10, 12)),
                    "length2": span(3, 12, (13, 15)),
                    "width2": span(2, 9, (10, 12)),
                },
                wordings=(
                    (
                        "{name} has a room of {length} meters by {width} meters and a room of {length2} meters by "
                        "{width2} meters. How many square meters is that together?"
                    ),
                    (
                        "One garden of {name} is {length} meters long and {width} meters wide. The other is {length2} "
                        "meters long and {width2} meters wide. What is the area of both in square meters?"
                    ),
                    (
                        "{name} paints two walls. One is {length} by {width} meters, and one is {length2} by {width2} "
                        "meters. How many square meters does {name} paint?"
                    ),
                    (
                        "How many square tiles does {name} need for two floors, one {length} tiles long and {width} "
                        "tiles wide, and one {length2} tiles long and {width2} tiles wide?"
                    ),
                    (
                        "{name} cuts out two rectangles of {length} cm by {width} cm and {length2} cm by {width2} cm. "
                        "What is their area together in square cm?"
                    ),
                ),
                work=(
                    Step("area", "length * width", "First: {eq}."),
                    Step("area2", "length2 * width2", "Second: {eq}."),
                    Step("total", "area + area2", "Together: {eq}."),
                ),
                answer="width2 * length2 + width * length",
                where="length > width and length2 > width2",
                distractors=("{third} is {extra} years old.",),
            ),
        ),
    ),
    *shapes.FAMILIES,
)

UNSEEN = shapes.UNSEEN
