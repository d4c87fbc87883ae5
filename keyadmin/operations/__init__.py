"""The only writers: every act of every actor, each in one transaction that ends with its line of history."""
