"""The small vocabulary that every word problem draws its people, things and places from."""

from typing import Final


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Splits "pen/pens box/boxes" into (singular, plural) pairs."""
    return tuple((one, many) for one, _, many in (pair.partition("/") for pair in _words(text)))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NAMES: Final = _words("Ada Ben Dan Emma Finn Gina Hugo Ivy Jack Kim Leo Lily Max Mia Noah Omar Pia Rosa Sam Zoe")

# things that can be bought, counted, collected, packed and given away alike
ITEMS: Final = _pairs(
    "badge/badges ball/balls balloon/balloons bead/beads bell/bells block/blocks book/books bottle/bottles "
    "brick/bricks brush/brushes button/buttons candle/candles card/cards coin/coins crayon/crayons cup/cups doll/dolls "
    "flower/flowers hat/hats key/keys kite/kites lamp/lamps magnet/magnets marble/marbles pen/pens pencil/pencils "
    "photo/photos plate/plates ribbon/ribbons ring/rings ruler/rulers shell/shells spoon/spoons stamp/stamps "
    "sticker/stickers stone/stones ticket/tickets tile/tiles toy/toys whistle/whistles"
)
FOODS: Final = _pairs(
    "apple/apples banana/bananas bun/buns cake/cakes carrot/carrots cookie/cookies egg/eggs lemon/lemons melon/melons "
    "muffin/muffins orange/oranges peach/peaches pear/pears plum/plums potato/potatoes roll/rolls"
)
CONTAINERS: Final = _pairs("bag/bags basket/baskets box/boxes crate/crates tray/trays")
ANIMALS: Final = _words("birds cats cows dogs ducks frogs goats hens horses pigs rabbits turtles")
PLACES: Final = _words("beach camp club farm garden library market museum park school shop zoo")  # after "the"

PEOPLE: Final = _words("name other third")
WORD_FIELDS: Final = PEOPLE + _words("item item2 one_item one_item2 food one_food container one_container animal place")


def draw_words(bits: int) -> tuple[int, dict[str, object]]:
    """Draws one value for every word field.

    Args:
        bits: A large random integer, consumed digit by digit.

    Returns:
        What is left of `bits`, and the words by field: `name`, `other` and `third` are three different people, `item`
        and `item2` two different plural nouns, `one_item` the singular of `item`, and so on.
    """
    count = len(NAMES)
    bits, first = divmod(bits, count)
    bits, second = divmod(bits, count - 1)
    bits, third = divmod(bits, count - 2)
    if third >= second:
        third += 1
    bits, item = divmod(bits, len(ITEMS))
    bits, item2 = divmod(bits, len(ITEMS) - 1)
    bits, food = divmod(bits, len(FOODS))
    bits, container = divmod(bits, len(CONTAINERS))
    bits, animal = divmod(bits, len(ANIMALS))
    bits, place = divmod(bits, len(PLACES))
    one_item, items = ITEMS[item]
    one_item2, items2 = ITEMS[(item + 1 + item2) % len(ITEMS)]
    one_food, foods = FOODS[food]
    one_container, containers = CONTAINERS[container]
    return bits, {
        "name": NAMES[first],
        "other": NAMES[(first + 1 + second) % count],
        "third": NAMES[(first + 1 + third) % count],
        "item": items,
        "one_item": one_item,
        "item2": items2,
        "one_item2": one_item2,
        "food": foods,
        "one_food": one_food,
        "container": containers,
        "one_container": one_container,
        "animal": ANIMALS[animal],
        "place": PLACES[place],
    }
