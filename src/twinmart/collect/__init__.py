"""From telephony servers to the interaction databases."""
