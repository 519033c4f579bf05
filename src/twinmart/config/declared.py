"""The options of the schedule, of extraction and of transformation, with the original's names and defaults.

One line of code elsewhere reads each of them; ``tests/config/test_declared.py`` sees to that. Where the original's
documents do not tell a default, ours is stated as ``is_original=False`` would state a name of ours.
"""

from functools import partial

from twinmart.config.declaration import Declaration, Effect, Level
from twinmart.config.values import Type

_schedule = partial(Declaration, "schedule", takes_effect=Effect.AT_ONCE)

SCHEDULE = (
    _schedule(
        "run-scheduler",
        Type.BOOLEAN,
        "false",
        "Whether jobs are started by the schedule; a change pauses or resumes it and never touches a job that runs.",
    ),
    _schedule("etl-start-time", Type.CLOCK, "06:00", "When the first ETL cycle of a day may begin."),
    _schedule("etl-end-time", Type.CLOCK, "22:00", "When the last ETL cycle of a day may begin."),
    _schedule(
        "etl-frequency",
        Type.INTEGER,
        "1",
        "Least time from the begin of one ETL cycle to that of the next; 0: without a pause.",
        unit="min",
        least=0,
        most=1440,
    ),
    _schedule("run-maintain", Type.BOOLEAN, "true", "Whether maintenance runs once a day."),
    _schedule(
        "maintain-start-time", Type.CLOCK, "03:00", "When maintenance begins; it must lie outside the ETL window."
    ),
    _schedule("run-aggregates", Type.BOOLEAN, "true", "Whether aggregation is started by the schedule."),
    _schedule("aggregate-schedule", Type.CRON, "0 1", "When aggregation is started."),
    _schedule("aggregate-duration", Type.CLOCK, "23:00", "For how long aggregation runs before the schedule stops it."),
    _schedule("run-export", Type.BOOLEAN, "false", "Whether the export is started by the schedule."),
    _schedule("export-schedule", Type.CRON, "20 0/8", "When the export is started."),
    _schedule(
        "on-demand-migration",
        Type.BOOLEAN,
        "false",
        "Whether a mart server that finds its mart behind the program migrates it without being asked.",
    ),
    _schedule(
        "run-update-stats", Type.BOOLEAN, "false", "Whether statistics for the planner are updated by the schedule."
    ),
    _schedule("update-stats-schedule", Type.CRON, "0/10 *", "When statistics for the planner are updated."),
    _schedule("timezone", Type.ZONE, "GMT", "Time zone of every time in this section."),
)

_days = partial(Declaration, "gim-etl", type=Type.INTEGER, takes_effect=Effect.NEXT_RUN, unit="days", most=36500)
_etl = partial(Declaration, "gim-etl", takes_effect=Effect.NEXT_CYCLE)
_run = partial(Declaration, "gim-etl", takes_effect=Effect.NEXT_RUN)

ETL = (
    _days("days-to-keep-gim-facts", default="400", sentence="How long facts are kept, by their start.", least=1),
    _days(
        "days-to-keep-cfg-facts",
        default="400",
        least=1,
        sentence="How long deleted relations of configuration are kept; at least as long as facts.",
    ),
    _days("days-to-keep-gidb-facts", default="14", sentence="How long events are kept in the mart.", least=1),
    _days(
        "days-to-keep-active-facts",
        default="30",
        least=1,
        sentence="How long an interaction may go on before it is terminated artificially.",
    ),
    _days(
        "days-to-keep-discards-and-job-history",
        default="600",
        least=1,
        sentence="How long discards, job runs and audit rows are kept; at least as long as facts.",
    ),
    _days(
        "partitioning-ahead-range",
        default="14",
        least=1,
        most=366,
        sentence="For how long from now partitions are made ahead.",
    ),
    _run(
        "partitioning-interval-size-gim",
        Type.INTEGER,
        "86400",
        "Width of new partitions of facts, in whole days.",
        unit="s",
        least=86400,
        most=31_536_000,
    ),
    _run(
        "partitioning-interval-size-gidb",
        Type.INTEGER,
        "86400",
        "Width of new partitions of events, in whole days.",
        unit="s",
        least=86400,
        most=31_536_000,
    ),
    _run(
        "max-call-duration",
        Type.INTEGER,
        "3600",
        "The longest call that is believed; one that nothing is heard of for so long is ended with its last event.",
        unit="s",
        least=60,
        most=604_800,
    ),
    _etl(
        "extract-data-stuck-threshold",
        Type.INTEGER,
        "28860",
        "A source that tells nothing for so long is stuck and waited for no longer.",
        unit="s",
        least=60,
        most=604_800,
    ),
    _etl(
        "delayed-data-threshold",
        Type.INTEGER,
        "900",
        "Data that are expected and missing for so long are told of, as event 55-20110.",
        unit="s",
        least=60,
        most=3600,
    ),
    _run(
        "etl-start-date",
        Type.DATE,
        None,
        "Earliest day of data; partitions begin here. Unset: the day before the first start.",
    ),
    _etl(
        "link-msf-userdata",
        Type.BOOLEAN,
        "false",
        "Whether user data are stored for stays in queues too.",
        levels=(Level.TENANT, Level.MEDIA, Level.SOURCE, Level.QUEUE),
    ),
)

_transformation = partial(Declaration, "gim-transformation", takes_effect=Effect.NEXT_CYCLE)

TRANSFORMATION = (
    _transformation(
        "chunk-size",
        Type.INTEGER,
        "7200",
        "Span of news that one committed step of a transformation takes at most.",
        unit="s",
        least=60,
        most=604_800,
    ),
    _transformation(
        "merge-failed-is-link-timeout",
        Type.INTEGER,
        "3600",
        "How long the other side of a call on two switches is waited for before the call is told as overdue.",
        unit="s",
        least=0,
        most=2_678_400,
    ),
)

_policy = partial(Declaration, "error-policy", type=Type.CHOICE, takes_effect=Effect.NEXT_CYCLE)

ERROR_POLICY = (
    _policy(
        "error-policy-irf-exception",
        default="log_db_resume",
        choices=("log_db_resume", "resume", "exception"),
        sentence="An interaction that breaks a rule is kept out and recorded, or only kept out, or the load fails.",
    ),
    _policy(
        "error-policy-islink-dangling",
        default="resume",
        choices=("resume", "exception"),
        sentence="A call whose other side at another switch is not known is loaded as it is, or kept out until it is.",
    ),
)

MART = SCHEDULE + ETL + TRANSFORMATION + ERROR_POLICY

# Options of the original that mean nothing here, each with the reason, by section and name.
LEFT_OUT = {
    (
        "gim-etl",
        "days-to-keep-gdpr-history",
    ): "personal data are not taken out on demand: there is no history of it to keep;"
    " what is hidden is never collected, see user data",
    ("gim-etl", "aggregation-engine-class-name"): "aggregation is part of the program",
    ("gim-etl", "agg-jdbc-url"): "aggregation works in the mart's own database",
    ("gim-etl", "cp-reuse-count"): "connections live as long as the work that needs them, and are not pooled",
    ("gim-etl", "partitioning-interval-size-gidb-mm"): "events of all media are in one table",
    ("gim-etl", "partitioning-interval-size-gidb-ocs"): "events of all media are in one table",
    ("gim-etl-populate", "populate-irf-asm-engage-duration"): "no outbound campaigns are collected",
    ("gim-etl-populate", "populate-mm-ixnqueue-facts"): "voice alone is collected, and it has no interaction queues",
    (
        "gim-transformation",
        "introduced-transfer-threshold",
    ): "a switch tells of a transfer as such, so that none need be guessed from a short conference",
    ("gim-transformation", "show-non-queue-mediation-mm"): "voice alone is collected",
    ("gim-transformation", "stop-ixn-queues"): "voice alone is collected, and it has no interaction queues",
    ("agg", "sub-hour-interval"): "aggregates of 15 minutes and of 30 are there always, as levels subhr and 30min",
    ("date-time", "date-time-table-name"): "the view of a calendar is named by its section: [date-time-berlin] makes"
    " gim.date_time_berlin",
    (
        "gim-export",
        "encrypt-certificate",
    ): "files are readable by their owner alone; a disk or a transport encrypts them",
}
