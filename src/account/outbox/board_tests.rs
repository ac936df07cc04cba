use super::*;

const NOW: Timestamp = Timestamp(1_000);

fn facts(key: u8, size: u64) -> Facts {
    Facts { accepted: NOW, size, key: Digest([key; 32]) }
}

fn id(number: i64) -> QueueId {
    QueueId::new(Timestamp(number))
}

fn idle(board: &mut Board, id: &QueueId, key: u8, next: i64) {
    let state = State { next: Timestamp(next), tried: Some(NOW), ..State::default() };
    board.restore(id.clone(), facts(key, 1), state);
}

#[test]
fn a_full_queue_takes_nothing_more() {
    let limits = Limits { max_messages: 3, max_bytes: 100, ..Limits::default() };
    let mut board = Board::default();
    board.reserve(&id(1), facts(1, 60), &limits).unwrap();
    let fault = board.reserve(&id(2), facts(2, 41), &limits).unwrap_err();
    assert_eq!(*fault.kind(), Kind::QueueFull);
    board.reserve(&id(2), facts(2, 40), &limits).unwrap();
    board.note_damaged(id(3));
    let fault = board.reserve(&id(4), facts(4, 0), &limits).unwrap_err();
    assert_eq!(*fault.kind(), Kind::QueueFull);
}

#[test]
fn only_a_retry_of_the_client_s_own_message_joins_the_first_and_only_before_its_answer() {
    let mut board = Board::default();
    let first = id(1);
    board.reserve(&first, facts(1, 1), &Limits::default()).unwrap();
    assert!(board.join(Digest([2; 32]), Naming::Client).is_none());
    assert!(board.join(Digest([1; 32]), Naming::Bridge).is_none());
    assert_eq!(board.join(Digest([1; 32]), Naming::Client).unwrap().0, first);
    board.slot(&first).unwrap().state.confirmed = true;
    assert!(board.join(Digest([1; 32]), Naming::Client).is_none());
}

#[test]
fn a_client_that_waits_hears_of_a_refusal_and_one_that_was_told_does_not() {
    let mut board = Board::default();
    let (first, second) = (id(1), id(2));
    board.reserve(&first, facts(1, 1), &Limits::default()).unwrap();
    board.reserve(&second, facts(2, 1), &Limits::default()).unwrap();
    assert!(matches!(board.answer(&first), Answer::Soon), "it is not on disk yet");
    for id in [&first, &second] {
        board.slot(id).unwrap().phase = Phase::Trying;
    }
    assert_eq!(board.refuse(&first), Hearer::Client);
    assert!(matches!(board.answer(&first), Answer::Soon), "not queued: refused in a moment");
    assert!(matches!(board.answer(&second), Answer::Queued));
    assert_eq!(board.refuse(&second), Hearer::Sender);
}

#[test]
fn a_client_that_is_gone_without_an_answer_leaves_it_to_the_sender() {
    let mut board = Board::default();
    let first = id(1);
    board.reserve(&first, facts(1, 1), &Limits::default()).unwrap();
    board.leave(&first);
    assert_eq!(board.refuse(&first), Hearer::Sender);
}

#[test]
fn new_messages_go_first_then_those_that_wait_longest() {
    let mut board = Board::default();
    let (early, late, held, fresh) = (id(1), id(2), id(3), id(4));
    idle(&mut board, &early, 1, 900);
    idle(&mut board, &late, 2, 800);
    idle(&mut board, &held, 3, 0);
    board.slot(&held).unwrap().state.course = Course::Held;
    assert_eq!(board.due(NOW, true), Some(late.clone()));
    assert_eq!(board.due(NOW, false), None);
    board.restore(fresh.clone(), facts(4, 1), State::default());
    assert_eq!(board.due(NOW, false), Some(fresh.clone()));
    for id in [&fresh, &late] {
        board.slot(id).unwrap().phase = Phase::Trying;
    }
    assert_eq!(board.due(NOW, true), Some(early.clone()), "what is being tried is not tried twice");
    assert_eq!(board.due(Timestamp(899), true), None);
    assert_eq!(board.next_due(), Some(Timestamp(900)));
    let figures = board.figures();
    assert_eq!((figures.waiting, figures.trying, figures.held), (1, 2, 1));
    assert_eq!((figures.bytes, figures.oldest), (4, Some(NOW)));
}

#[test]
fn the_end_of_a_common_trouble_wakes_those_who_met_it() {
    let mut board = Board::default();
    let (general, own) = (id(1), id(2));
    idle(&mut board, &general, 1, 5_000);
    idle(&mut board, &own, 2, 4_000);
    board.slot(&general).unwrap().last = Last::General;
    board.slot(&own).unwrap().last = Last::Own;
    board.wake(NOW, &[Last::General]);
    assert_eq!(board.due(NOW, true), Some(general));
    assert_eq!(board.slot(&own).unwrap().state.next, Timestamp(4_000));
}
