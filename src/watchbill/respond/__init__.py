"""Ask, decide, freeze, restore: as plans."""
