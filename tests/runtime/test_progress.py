"""Progress of several processes."""

from ampnet.runtime.progress import for_all


def test_one_process_shows_the_progress_of_all():
    seen = []
    for_all(lambda count=1, note="", more=0: seen.append((count, note, more)), 4)(3, "a", 1)
    assert seen == [(12, "a", 4)]
