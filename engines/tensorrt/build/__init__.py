"""From a student's graphs to plans. Imported only where something is built."""
