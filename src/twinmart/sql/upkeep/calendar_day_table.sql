-- Room for the days with which a calendar is extended, before zones come into it.
-- grain   day
-- reads   nothing
-- writes  calendar_day (temporary)
-- rule    emptied at the end of each transaction
CREATE TEMPORARY TABLE IF NOT EXISTS calendar_day (
    day date NOT NULL, -- Day
    day_of_week integer NOT NULL, -- From the first day of the week
    week_start date NOT NULL, -- First day of its week
    week_year integer NOT NULL, -- Year that the week counts to
    week integer NOT NULL, -- Week of that year
    month_start date NOT NULL, -- First day of the month
    quarter_start date NOT NULL, -- First day of the quarter
    year_start date NOT NULL, -- First day of the year
    fiscal_year integer NOT NULL, -- Fiscal year
    fiscal_quarter integer NOT NULL, -- Quarter of it
    fiscal_month integer NOT NULL, -- Month of it
    fiscal_week integer NOT NULL, -- Week of it
    fiscal_year_start date NOT NULL, -- First day of the fiscal year
    fiscal_quarter_start date NOT NULL, -- First day of the fiscal quarter
    fiscal_month_start date NOT NULL, -- First day of the fiscal month
    fiscal_week_start date NOT NULL -- First day of the week of the fiscal year
) ON COMMIT DELETE ROWS
