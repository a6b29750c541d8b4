"""What networks create: how it is made from a seed, stored as files that carry a record, and made again from one."""
