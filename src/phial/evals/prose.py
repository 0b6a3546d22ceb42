"""Own prose without end that states nothing about anybody: what needles and facts are hidden in."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

_SLOTS: dict[str, tuple[str, ...]] = {
    name: tuple(words.split("/"))
    for name, words in {
        "land": "valley/marsh/plateau/coast/ridge/meadow/estuary/moor/canyon/delta/heath/foothill/dune field/woodland/"
        "lagoon/headland/river bend/orchard country/salt flat/fell",
        "thing": "kettle/lantern/ledger/ladder/anvil/barrel/compass/loom/bellows/wheelbarrow/sundial/pulley/kiln/mill"
        "stone/trellis/rowboat/weather vane/spinning wheel/water pump/church bell/printing press/toolbox/"
        "grindstone/signal lamp",
        "material": "oak/copper/slate/wool/limestone/cedar/brass/linen/iron/willow/granite/clay/pewter/birch/leather/"
        "sandstone/tin/hemp/marble/pine",
        "weather": "drizzle/fog/frost/a warm wind/thunder/thin snow/bright sun/heavy rain/a cold draught/still air/"
        "hail/low cloud/a dry breeze/sleet/morning haze",
        "season": "spring/early summer/late summer/autumn/the first weeks of winter/midwinter/the wet season/harvest "
        "time/the long evenings of June/the short days of December",
        "plant": "bracken/clover/heather/reeds/thyme/nettles/foxgloves/mosses/brambles/poppies/sedges/hawthorn/ferns/"
        "barley/lupins/wild garlic/sorrel/yarrow",
        "creature": "herons/swallows/otters/beetles/hares/bats/starlings/moths/trout/hedgehogs/terns/newts/crickets/"
        "owls/bees/field mice/snails/geese",
        "trade": "coopers/weavers/bakers/masons/ferrymen/printers/gardeners/millers/potters/surveyors/thatchers/"
        "bookbinders/clockmakers/fishers/glaziers/carters",
        "do": "repaired/measured/carried/described/traded/stored/painted/weighed/admired/cleaned/sketched/borrowed/"
        "lent out/catalogued/polished/rebuilt",
        "how": "slowly/with great care/by hand/before noon/in small batches/without much talk/for a modest price/after "
        "long preparation/in the open air/by lamplight/twice a year/out of habit/as a matter of pride",
        "quality": "narrow/quiet/uneven/sturdy/pale/steep/fragrant/weathered/shallow/crooked/broad/dusty/smooth/"
        "overgrown/sheltered/heavy",
        "place": "harbour/market square/old bridge/granary/workshop/tollhouse/quarry/towpath/courtyard/lighthouse/"
        "chapel/ferry landing/walled garden/boathouse/crossroads/sawmill",
        "matter": "the price of grain/the depth of the ford/the colour of the glaze/the spacing of the beams/the "
        "course of the stream/the weight of a full sack/the width of the road/the age of the hedges/the taste of the "
        "water/the length of the shadows",
    }.items()
}
_TEMPLATES = (
    "In {season} the {land} fills with {creature}, and {weather} rarely lasts.",
    "The {quality} path to the {place} is lined with {plant}.",
    "For generations {trade} {do} every {thing} {how}.",
    "A {thing} of {material} outlasts one of {material}, though it costs more to mend.",
    "Where {plant} grow, {creature} are seldom far away.",
    "Old maps show a {place} at the edge of the {land}, drawn in {quality} lines.",
    "After {weather}, the {place} smells of {material} and wet {plant}.",
    "It was the custom of the {trade} to settle {matter} {how}.",
    "Nobody agreed on {matter}, so it was written down {how}.",
    "The {thing} by the {place} was {do} {how}, then left alone for years.",
    "Travellers crossing the {land} in {season} speak of {creature} and {weather}.",
    "{material} from the {land} was once {do} as far as the coast.",
    "Between the {place} and the {land} lies a {quality} strip of {plant}.",
    "When {weather} comes over the {land}, the {trade} move indoors.",
    "A {quality} {thing} stood in the {place} until {season}.",
    "Some say that {creature} avoid {material}, but nothing in the records bears this out.",
    "{plant} need little more than {weather} and a {quality} slope.",
    "The {trade} kept a {thing} of {material} and {do} it {how}.",
    "Much was argued about {matter} in the {place} during {season}.",
    "Seen from the {land}, the {place} looks {quality} and small.",
    "Every {thing} has its keeper, and most keepers work {how}.",
    "{weather} in {season} is a good sign for {plant}, and a poor one for {creature}.",
    "The floor of the {place} is {material}, its doors are {material}, and its roof is {quality}.",
    "A visitor to the {land} should bring a {thing}, and patience for {weather}.",
    "Little is known about the {creature} of the {land}, except that they return in {season}.",
    "The {trade} of the {land} measured {matter} with a {thing}.",
)
_BEFORE_A_VOWEL = re.compile(r"\b([Aa])(?= [aeiou])")
_PIECES = tuple(tuple(template.replace("}", "{").split("{")) for template in _TEMPLATES)


def sentences(source: random.Random) -> Iterator[str]:
    """Sentences without end, each drawn anew; none names a person, a number, or what is true or false."""
    while True:
        pieces = _PIECES[int(source.random() * len(_PIECES))]
        drawn = [
            _SLOTS[piece][int(source.random() * len(_SLOTS[piece]))] if index % 2 else piece
            for index, piece in enumerate(pieces)
        ]
        sentence = _BEFORE_A_VOWEL.sub(r"\1n", "".join(drawn))
        yield sentence[0].upper() + sentence[1:]


def nouns() -> tuple[str, ...]:
    """Single words of the vocabulary, in a fixed order."""
    return tuple(
        dict.fromkeys(
            word
            for name in ("land", "thing", "material", "plant", "creature", "trade", "place")
            for word in _SLOTS[name]
            if " " not in word
        )
    )


def qualities() -> tuple[str, ...]:
    """Adjectives of the vocabulary, in a fixed order."""
    return _SLOTS["quality"]
