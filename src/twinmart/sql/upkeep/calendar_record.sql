-- Record how far a calendar is filled, and with which rules.
-- grain   calendar
-- reads   nothing
-- writes  mart.calendar
-- rule    the rules of a calendar that is there are not changed
INSERT INTO mart.calendar (
    calendar_key, name, section, zone, first_day_of_week, min_days_in_first_week, simple_week_numbering, fiscal_year_start,
    fiscal_week_pattern, start_year, populated_to
)
VALUES (
    mart.dimension_key('CALENDAR|' || %(name)s::text), %(name)s, %(section)s, %(zone)s, %(first_day_of_week)s,
    %(min_days_in_first_week)s, %(simple_week_numbering)s, %(fiscal_year_start)s, %(fiscal_week_pattern)s, %(start_year)s,
    %(populated_to)s
)
ON CONFLICT (calendar_key) DO UPDATE SET populated_to = excluded.populated_to, extended_at = now()
