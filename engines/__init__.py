"""The pixel half: students as data, their contracts, and the engines that run them."""
