from stellwerk.base.ids import new_id, uuid7


def test_ids_sort_by_time_and_differ() -> None:
    made = [uuid7() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert {made_one.version for made_one in made} == {7}
    assert made[0].int >> 80 <= made[-1].int >> 80
    assert new_id("req_").startswith("req_")
