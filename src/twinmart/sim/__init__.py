"""A believable contact centre that speaks to collectors as a telephony server would."""
