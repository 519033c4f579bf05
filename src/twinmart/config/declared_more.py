"""The options of calendars, logs, exports, aggregation and thresholds."""

from functools import partial

from twinmart.config.declaration import THRESHOLD, Declaration, Effect
from twinmart.config.values import Type

_calendar = partial(Declaration, "date-time", takes_effect=Effect.NEXT_RUN)

# Every option here also holds in a section "date-time-NAME", which makes a calendar of its own.
CALENDAR = (
    _calendar("date-time-tz", Type.ZONE, "GMT", "Time zone of the calendar; not changed once it is filled."),
    _calendar("date-time-start-year", Type.INTEGER, "2012", "First year of the calendar.", least=1970, most=2200),
    _calendar(
        "date-time-max-days-ahead",
        Type.INTEGER,
        "366",
        "How far the calendar is filled ahead.",
        unit="days",
        least=1,
        most=3660,
    ),
    _calendar(
        "date-time-min-days-ahead",
        Type.INTEGER,
        "183",
        "Once it reaches less far than this, the calendar is extended.",
        unit="days",
        least=1,
        most=3660,
    ),
    _calendar(
        "date-time-first-day-of-week",
        Type.INTEGER,
        "1",
        "First day of a week, 1 Sunday to 7 Saturday.",
        least=1,
        most=7,
    ),
    _calendar(
        "date-time-min-days-in-first-week",
        Type.INTEGER,
        "1",
        "Days that the first week of a year must have in it.",
        least=1,
        most=7,
    ),
    _calendar(
        "simple-week-numbering",
        Type.BOOLEAN,
        "true",
        "Whether a week ends with its year, so that first and last may be short.",
    ),
    _calendar("fiscal-year-start", Type.MONTH_DAY, "1-1", "Month and day on which a fiscal year begins, such as 4-1."),
    _calendar(
        "fiscal-year-week-pattern",
        Type.CHOICE,
        "none",
        "How the weeks of a fiscal quarter are shared out to its months.",
        choices=("none", "544", "454", "445"),
    ),
)

LOG = (
    Declaration(
        "log",
        "level",
        Type.CHOICE,
        "info",
        "Least important log lines that are written.",
        Effect.AT_ONCE,
        choices=("all", "debug", "info", "warn", "error", "none", "off"),
    ),
)

_export = partial(Declaration, "gim-export", takes_effect=Effect.NEXT_RUN)

EXPORT = (
    _export(
        "output-directory",
        Type.TEXT,
        None,
        "Folder of the exports; unset: exports, beside the site.",
        is_original=False,
    ),
    _export("output-format", Type.CHOICE, "csv", "What is written.", choices=("csv", "parquet"), is_original=False),
    _export("thread-pool-size", Type.INTEGER, "10", "How many tables are exported at a time.", least=1, most=64),
    _export(
        "retry-delay-seconds",
        Type.INTEGER,
        "30",
        "Wait before a table that could not be exported is tried again.",
        unit="s",
        least=0,
        most=3600,
    ),
    _export("output-files-encoding", Type.ENCODING, "utf8", "Encoding of text files, by its name in Python."),
    _export("start-date", Type.DATE, None, "Earliest day that is exported; unset: all."),
    _export(
        "use-export-views",
        Type.BOOLEAN,
        "false",
        "Whether tables are exported as the compatibility views of their names show them.",
    ),
)

_aggregation = partial(Declaration, "agg", takes_effect=Effect.NEXT_RUN)
_delay = partial(
    Declaration, "agg", type=Type.INTEGER, default="0", takes_effect=Effect.NEXT_RUN, unit="s", least=0, most=604_800
)

AGGREGATION = (
    _delay("agg-level-day-delay", sentence="A day is aggregated so long after its data came; 0, or an hour at least."),
    _delay("agg-level-week-delay", sentence="The same of a week; 0, or three hours at least."),
    _delay("agg-level-month-delay", sentence="The same of a month; 0, or twelve hours at least."),
    _delay("agg-level-quarter-delay", sentence="The same of a quarter; 0, or twelve hours at least."),
    _delay("agg-level-year-delay", sentence="The same of a year; 0, or a day at least."),
    _aggregation(
        "deadlock-threshold",
        Type.INTEGER,
        "1800",
        "A step of aggregation that takes longer than this is broken off.",
        unit="s",
        least=0,
        most=86_400,
    ),
    _aggregation(
        "writer-schedule",
        Type.WRITERS,
        "default=flex(3:1)",
        "Writers for recent and for old intervals, by hours of the day: default=flex(3:1);hour(8-19)=strict(1:0).",
    ),
)

_threshold = partial(Declaration, "gim-etl", takes_effect=Effect.NEXT_CYCLE, unit="s", levels=THRESHOLD)
_bounds = partial(
    Declaration,
    type=Type.NUMBERS,
    takes_effect=Effect.NEXT_CYCLE,
    unit="s",
    least=0,
    most=604_800,
    levels=THRESHOLD,
    default="5,10,15,20,25,30,35,40,45,50,55,60,90,120,180,240,300,600,1200",
)

THRESHOLDS = (
    _threshold(
        "q-answer-threshold",
        Type.NUMBER,
        None,
        "Wait within which an answer meets the service level; unset: there is no service level.",
        least=0,
        most=604_800,
    ),
    _threshold(
        "q-short-abandoned-threshold",
        Type.NUMBER,
        "10",
        "An abandon in a queue up to this wait is short.",
        least=0,
        most=604_800,
    ),
    _threshold(
        "wrap-up-time",
        Type.NUMBER,
        "0",
        "After-call work that the switch grants after each call of a queue.",
        least=0,
        most=86_400,
        is_original=False,
    ),
    Declaration(
        "gim-etl",
        "acw-reasons",
        Type.WORDS,
        "ACW,AfterCallWork,Wrap-up,Wrapup",
        "Reasons of a pause that is after-call work.",
        Effect.NEXT_CYCLE,
        is_original=False,
    ),
    _bounds(
        "agg-gim-thld-QUEUE-ACC",
        "accepted-thresholds",
        sentence="Nineteen bounds between the twenty ranges of the wait until an answer.",
    ),
    _bounds(
        "agg-gim-thld-QUEUE-ABN",
        "abandoned-thresholds",
        sentence="Nineteen bounds between the twenty ranges of the wait until an abandon.",
    ),
    Declaration(
        "agg-gim-thld-AGENT-IXN",
        "short-talk-threshold",
        Type.NUMBER,
        "0",
        "Talk up to this length is short; 0: none is.",
        Effect.NEXT_CYCLE,
        unit="s",
        least=0,
        most=604_800,
        levels=THRESHOLD,
    ),
)

MORE = CALENDAR + LOG + EXPORT + AGGREGATION + THRESHOLDS
