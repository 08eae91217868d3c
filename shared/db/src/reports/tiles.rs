//! Reading a roll-up in tiles.

use domain::tiles::{Grain, Tile};
use std::fmt::Write;
use tokio_postgres::types::ToSql;

/// Some columns of a view's rows in the tiles, as one query: one shape for each mix of grains. It has the parameters
/// that [`parameters`] gives, and after them those of `filter`.
pub(super) fn over(view: &str, columns: &str, tiles: &[Tile], filter: &str) -> String {
    let mut sql = String::new();
    for (n, tile) in tiles.iter().enumerate() {
        let (union, first, last) = (if n == 0 { "" } else { " union all " }, 2 * n + 1, 2 * n + 2);
        let grain = letter(tile.grain);
        let _ = write!(
            sql,
            "{union}select {columns} from {view} where grain = '{grain}' and start between ${first} and ${last} {filter}",
        );
    }
    sql
}

/// As roll-ups name it.
pub(super) fn letter(grain: Grain) -> char {
    match grain {
        Grain::Day => 'd',
        Grain::Week => 'w',
        Grain::Month => 'm',
    }
}

/// See [`over`].
pub(super) fn parameters(tiles: &[Tile]) -> Vec<&(dyn ToSql + Sync)> {
    tiles.iter().flat_map(|tile| [&tile.first as &(dyn ToSql + Sync), &tile.last]).collect()
}
