"""Devices, processes, threads, signals and progress."""
