"""Contestants in processes of their own, so that no library's threads or compiler meets another's."""
