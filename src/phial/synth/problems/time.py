"""Time: how long something lasts within an hour, and hours turned into minutes."""

from phial.synth.problems.lang import Family, Step, Variant, span

FAMILIES = (
    Family(
        name="time_elapsed",
        skill="time",
        version=1,
        share=2,
        idea=(
            (
                "Within one hour, subtract the minutes to find how long it took: from 3:10 to 3:45 is 45 - 10 = 35 "
                "minutes."
            ),
            (
                "If the hour stays the same, only the minutes change. The later minutes minus the earlier ones give "
                "the time."
            ),
            "From 7:05 to 7:30 take 30 - 5 = 25 minutes. A zero in front of the minutes changes nothing.",
            "For two parts of a day, find the minutes of each part, and then add them: 20 + 15 = 35 minutes.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={
                    "hour": span(1, 12, (13, 22)),
                    "start": span(2, 45, (46, 50)),
                    "end": span(10, 54, (55, 59)),
                },
                wordings=(
                    (
                        "A bus leaves at {hour}:{start:02d} and arrives at {hour}:{end:02d}. How many minutes does it "
                        "take?"
                    ),
                    "{name} reads from {hour}:{start:02d} to {hour}:{end:02d}. How many minutes is that?",
                    "How many minutes are there from {hour}:{start:02d} to {hour}:{end:02d}?",
                    "The game starts at {hour}:{start:02d}. It ends at {hour}:{end:02d}. How long is it in minutes?",
                    (
                        "{name} went to the {place} at {hour}:{start:02d} and came back at {hour}:{end:02d}. For how "
                        "many minutes was {name} away?"
                    ),
                    "It is {hour}:{start:02d}. The train comes at {hour}:{end:02d}. How many minutes must {name} wait?",
                ),
                work=(Step("minutes", "end - start", "Minutes: {eq}."),),
                answer="end - start",
                where="end > start + 2",
            ),
            Variant(
                steps=2,
                quantities={
                    "hour": span(1, 12, (13, 22)),
                    "start": span(2, 45, (46, 50)),
                    "end": span(10, 54, (55, 59)),
                    "more": span(5, 50),
                },
                wordings=(
                    (
                        "A bus leaves at {hour}:{start:02d} and arrives at {hour}:{end:02d}. Then {name} walks for "
                        "{more} minutes. How many minutes does the whole trip take?"
                    ),
                    (
                        "{name} reads from {hour}:{start:02d} to {hour}:{end:02d} and later {more} minutes more. How "
                        "many minutes does {name} read in all?"
                    ),
                    (
                        "How many minutes does {name} play in total, from {hour}:{start:02d} to {hour}:{end:02d} and "
                        "then {more} more minutes?"
                    ),
                    (
                        "The game starts at {hour}:{start:02d} and ends at {hour}:{end:02d}. After it {name} talks for "
                        "{more} minutes. How long are the game and the talk together in minutes?"
                    ),
                    (
                        "{name} was at the {place} from {hour}:{start:02d} to {hour}:{end:02d} and spent {more} "
                        "minutes on the way home. Find the total number of minutes."
                    ),
                ),
                work=(
                    Step("minutes", "end - start", "Minutes: {eq}."),
                    Step("total", "minutes + more", "Total: {eq}."),
                ),
                answer="more + end - start",
                where="end > start + 2",
            ),
            Variant(
                steps=3,
                quantities={
                    "hour": span(1, 9, (13, 20)),
                    "start": span(2, 45, (46, 50)),
                    "end": span(10, 54, (55, 59)),
                    "start2": span(2, 45, (46, 50)),
                    "end2": span(10, 54, (55, 59)),
                },
                wordings=(
                    (
                        "{name} rides a bus from {hour}:{start:02d} to {hour}:{end:02d} and again from {hour + "
                        "2}:{start2:02d} to {hour + 2}:{end2:02d}. How many minutes does {name} spend on it?"
                    ),
                    (
                        "{name} reads from {hour}:{start:02d} to {hour}:{end:02d} and from {hour + 1}:{start2:02d} to "
                        "{hour + 1}:{end2:02d}. How many minutes does {name} read in all?"
                    ),
                    (
                        "How many minutes does {name} play in total, from {hour}:{start:02d} to {hour}:{end:02d} and "
                        "from {hour + 2}:{start2:02d} to {hour + 2}:{end2:02d}?"
                    ),
                    (
                        "One game is from {hour}:{start:02d} to {hour}:{end:02d}, and the other from {hour + "
                        "1}:{start2:02d} to {hour + 1}:{end2:02d}. {name} sees both. How long are they together in "
                        "minutes?"
                    ),
                    (
                        "{name} was at the {place} from {hour}:{start:02d} to {hour}:{end:02d}, and {other} from {hour "
                        "+ 1}:{start2:02d} to {hour + 1}:{end2:02d}. Find the total number of minutes."
                    ),
                ),
                work=(
                    Step("first", "end - start", "First: {eq}."),
                    Step("second", "end2 - start2", "Second: {eq}."),
                    Step("total", "first + second", "Total: {eq}."),
                ),
                answer="(end + end2) - (start + start2)",
                where="end > start + 2 and end2 > start2 + 2",
            ),
        ),
    ),
    Family(
        name="time_minutes",
        skill="time",
        version=1,
        idea=(
            "One hour has 60 minutes. To turn hours into minutes, multiply by 60: 2 * 60 = 120 minutes.",
            "3 hours and 20 minutes: first 3 * 60 = 180, and then 180 + 20 = 200 minutes.",
            "What is longer than one hour is found by taking 60 minutes away: 75 - 60 = 15 minutes more.",
            "Turn the hours into minutes first. Then add or subtract minutes as with other numbers.",
        ),
        variants=(
            Variant(
                steps=1,
                quantities={"total": span(62, 300, (301, 480))},
                wordings=(
                    "A film lasts {total} minutes. How many minutes longer than one hour is that?",
                    (
                        "{name} walks for {total} minutes. The first hour is over after 60 minutes. How many minutes "
                        "does {name} walk after that?"
                    ),
                    "How many minutes more than one hour are {total} minutes?",
                    "{total} minutes are one hour and how many minutes?",
                    "{name} works for {total} minutes. Find how many minutes that is more than an hour.",
                    (
                        "A bus ride takes {total} minutes. {name} sleeps for one hour of it. For how many minutes is "
                        "{name} awake?"
                    ),
                ),
                work=(Step("rest", "total - 60", "Minutes: {eq}."),),
                answer="total - 60",
            ),
            Variant(
                steps=2,
                quantities={"hours": span(2, 9, (10, 15)), "minutes": span(2, 58, (59, 90))},
                wordings=(
                    "A film lasts {hours} hours and {minutes} minutes. How many minutes is that?",
                    (
                        "{name} walks for {hours} hours and then for {minutes} minutes. How many minutes does {name} "
                        "walk in all?"
                    ),
                    "How many minutes are {hours} hours and {minutes} minutes?",
                    "Change {hours} hours {minutes} minutes to minutes.",
                    (
                        "{name} works for {hours} hours and {other} works {minutes} minutes more than {name}. Find how "
                        "many minutes {other} works."
                    ),
                    (
                        "The way to the {place} takes {hours} hours by train and {minutes} minutes by bus. What is the "
                        "time in minutes?"
                    ),
                ),
                work=(Step("whole", "hours * 60", "Hours: {eq}."), Step("total", "whole + minutes", "Total: {eq}.")),
                answer="minutes + 60 * hours",
            ),
            Variant(
                steps=3,
                quantities={"hours": span(2, 9, (10, 15)), "minutes": span(2, 58, (59, 90)), "passed": span(5, 99)},
                wordings=(
                    (
                        "A film lasts {hours} hours and {minutes} minutes. {name} has seen {passed} minutes of it. How "
                        "many minutes are left?"
                    ),
                    (
                        "{name} walks for {hours} hours and {minutes} minutes, and {other} walks {passed} minutes "
                        "less. How many minutes does {other} walk?"
                    ),
                    "How many minutes are left of {hours} hours and {minutes} minutes when {passed} minutes are over?",
                    (
                        "Change {hours} hours {minutes} minutes to minutes, and then take {passed} minutes away. What "
                        "is left?"
                    ),
                    (
                        "{name} is at the {place} for {hours} hours and {minutes} minutes and sleeps for {passed} "
                        "minutes of that time. For how many minutes is {name} awake?"
                    ),
                ),
                work=(
                    Step("whole", "hours * 60", "Hours: {eq}."),
                    Step("total", "whole + minutes", "Total: {eq}."),
                    Step("left", "total - passed", "Left: {eq}."),
                ),
                answer="minutes - passed + 60 * hours",
                where="passed + 1 < 60 * hours + minutes",
            ),
        ),
    ),
)
