from stellwerk.supervisor.policy import Plan, Resident, State, Wish, plan

NOW = 1000.0
SWAP = 15.0


def decide(budget: int, residents: list[Resident], wishes: list[Wish], now: float = NOW) -> Plan:
    return plan(budget, residents, wishes, now, SWAP)


def idle(key: str, size: int, used_at: float = 0.0) -> Resident:
    return Resident(key, size, State.READY, used_at=used_at)


def busy(key: str, size: int, ready_at: float = 0.0, state: State = State.READY) -> Resident:
    return Resident(key, size, state, leases=1, ready_at=ready_at)


def fresh(key: str, size: int) -> Wish:
    return Wish(key, size, NOW)


def old(key: str, size: int, waited: float = SWAP) -> Wish:
    return Wish(key, size, NOW - waited)


def test_nothing_to_do() -> None:
    assert decide(10, [idle("a", 4), busy("b", 6)], []) == Plan()


def test_what_fits_is_loaded() -> None:
    assert decide(10, [busy("a", 4)], [fresh("b", 6)]) == Plan(load=["b"])


def test_two_wishes_do_not_get_the_same_memory() -> None:
    assert decide(10, [busy("a", 4)], [fresh("b", 6), fresh("c", 6)]).load == ["b"]


def test_the_longest_unused_idle_model_makes_room() -> None:
    residents = [idle("new", 4, used_at=9), idle("old", 4, used_at=5)]
    assert decide(10, residents, [fresh("c", 4)]) == Plan(stop=["old"])


def test_no_more_idle_models_than_needed_make_room() -> None:
    residents = [idle("a", 4, used_at=1), idle("b", 4, used_at=2), idle("c", 2, used_at=3)]
    assert decide(10, residents, [fresh("d", 8)]).stop == ["a", "b"]


def test_nothing_is_stopped_when_it_would_not_be_enough() -> None:
    made = decide(10, [idle("a", 4), busy("b", 6)], [fresh("c", 8)])
    assert made == Plan(look_again=NOW + SWAP)


def test_memory_that_is_coming_free_is_waited_for() -> None:
    stopping = Resident("a", 6, State.STOPPING)
    assert decide(10, [stopping, idle("b", 4)], [fresh("c", 6)]) == Plan()


def test_memory_that_is_coming_free_is_promised_once() -> None:
    stopping = Resident("a", 6, State.STOPPING)
    made = decide(10, [stopping, idle("b", 4)], [old("c", 6, 1), fresh("d", 4)])
    assert made == Plan(stop=["b"])


def test_a_busy_model_drains_once_a_request_has_waited() -> None:
    assert decide(10, [busy("a", 8)], [old("b", 8, SWAP - 1)]) == Plan(look_again=NOW + 1)
    assert decide(10, [busy("a", 8)], [old("b", 8)]) == Plan(drain={"a"})


def test_a_loading_model_neither_stops_nor_drains() -> None:
    loading = Resident("a", 8, State.LOADING)
    assert decide(10, [loading], [old("b", 8)]) == Plan()


def test_idle_models_go_before_busy_ones_drain() -> None:
    residents = [busy("a", 4), busy("b", 4), idle("c", 2)]
    made = decide(10, residents, [old("d", 6)])
    assert made.stop == ["c"]
    assert made.drain == {"a"}


def test_who_drains_already_goes_on() -> None:
    residents = [
        Resident("a", 5, State.READY, leases=1, used_at=1),
        Resident("b", 5, State.DRAINING, leases=1, used_at=9),
    ]
    assert decide(10, residents, [old("c", 5)]).drain == {"b"}


def test_nobody_drains_for_a_wish_that_was_withdrawn() -> None:
    assert decide(10, [busy("a", 8, state=State.DRAINING)], []).drain == set()


def test_a_model_serves_a_while_before_it_drains() -> None:
    made = decide(10, [busy("b", 8, ready_at=NOW - 5)], [old("a", 8, 100)])
    assert made == Plan(look_again=NOW - 5 + SWAP)
    assert decide(10, [busy("b", 8, ready_at=NOW - SWAP)], [old("a", 8, 100)]).drain == {"b"}


def test_a_later_wish_may_use_what_the_earlier_one_cannot() -> None:
    made = decide(10, [busy("a", 6)], [old("big", 8, 1), fresh("small", 4)])
    assert made.load == ["small"]


def test_a_later_wish_takes_nothing_from_one_that_is_due() -> None:
    made = decide(10, [busy("a", 6)], [old("big", 8), fresh("small", 4)])
    assert made == Plan(drain={"a"}, look_again=NOW + SWAP)


def test_a_later_wish_takes_what_a_due_one_leaves() -> None:
    made = decide(12, [busy("a", 6)], [old("big", 8), fresh("small", 4)])
    assert made == Plan(load=["small"], drain={"a"})


def test_a_due_wish_is_not_overtaken_while_nobody_may_drain_yet() -> None:
    made = decide(10, [busy("a", 6, ready_at=NOW - 1)], [old("big", 8), fresh("small", 4)])
    assert made.load == []
    assert made.look_again == NOW - 1 + SWAP


def test_a_model_that_drains_for_another_is_not_loaded_for_its_own_requests() -> None:
    residents = [busy("a", 8, state=State.DRAINING)]
    made = decide(10, residents, [old("b", 8), fresh("a", 8)])
    assert made == Plan(drain={"a"})


def test_models_that_have_grown_beyond_the_budget_make_the_idle_go() -> None:
    residents = [busy("a", 8), idle("b", 2, used_at=1), idle("c", 2, used_at=2)]
    assert decide(10, residents, []).stop == ["b"]


def test_a_patient_wish_takes_only_free_memory() -> None:
    wish = Wish("b", 6, 0.0, patient=True)
    assert decide(10, [idle("a", 4)], [wish]).load == ["b"]
    assert decide(10, [idle("a", 6)], [wish]) == Plan()


def test_two_models_take_turns_in_simulated_time() -> None:
    """Steady traffic on two models that cannot be loaded together."""
    served = {"a": 0, "b": 0}
    residents: dict[str, Resident] = {}
    since = {"a": 0.0, "b": 0.0}
    for second in range(300):
        now = float(second)
        wishes = [
            Wish(key, 8, since[key])
            for key in served
            if key not in residents or residents[key].state is State.DRAINING
        ]
        made = plan(10, residents.values(), wishes, now, SWAP)
        for key in [*made.stop, *made.drain]:
            del residents[key]
            since[key] = now
        for key in made.load:
            residents[key] = busy(key, 8, ready_at=now)
        for key in residents:
            served[key] += 1
    assert sum(served.values()) > 270
    assert min(served.values()) > 130
