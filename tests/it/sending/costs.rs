//! What a message costs in requests, by the tenant's own journal.

use m365_sim::Kind;

use super::letters::{Name, Shape, letter};
use super::{submit, world};
use crate::world::World;

/// Requests of one kind.
fn asked(world: &World, kind: Kind) -> usize {
    world.tenant.journal().entries().iter().filter(|entry| entry.kind == kind).count()
}

#[tokio::test]
async fn a_small_message_is_two_requests() {
    let world = world().await;
    world.ready().await;
    for (name, shape) in [(Name::Own, Shape::Text(2_000)), (Name::None, Shape::File(1_400_000))] {
        world.forget();
        let reply = submit(&world, &letter("cheap", shape, name)).await;
        assert!(reply.starts_with("250 "), "{shape:?}: {reply}");
        assert_eq!(world.requests(), 2, "{shape:?}");
    }
}

#[tokio::test]
async fn ten_megabytes_are_at_most_five_requests_beside_the_pieces_of_the_file() {
    for shape in [Shape::File(7_300_000), Shape::Scan(7_300_000), Shape::Image(7_300_000)] {
        let world = world().await;
        world.ready().await;
        world.forget();
        let reply = submit(&world, &letter("dear", shape, Name::Own)).await;
        assert!(reply.starts_with("250 "), "{shape:?}: {reply}");
        let pieces = asked(&world, Kind::UploadPiece);
        assert!((2..=4).contains(&pieces), "{shape:?}: {pieces} pieces");
        let others = world.requests() - pieces;
        assert!(others <= 5, "{shape:?}: {others} requests");
    }
}
