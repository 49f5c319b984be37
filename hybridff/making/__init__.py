"""Force fields made without data: what is sampled, chosen and recorded, round by round."""
