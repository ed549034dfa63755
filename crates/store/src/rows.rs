//! How many rows a query writes or asks for: few different numbers, so that few texts are prepared.

/// The most rows that one query writes.
const MOST_ROWS: usize = 64;

/// Cuts rows into few different lengths, the longest first: a query of so many rows is then prepared
/// once, and not for each number of rows that happen to come together.
pub(crate) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let (chunk, rest) = rows.split_at(4_usize.pow(rows.len().min(MOST_ROWS).checked_ilog(4)?));
        rows = rest;
        Some(chunk)
    })
}

/// Fills a list up to one of few lengths, by saying the last one again.
pub(crate) fn padded<T>(rows: &[T]) -> impl Iterator<Item = &T> {
    let mut filled = rows.len().min(1);
    while filled < rows.len() {
        filled *= 4;
    }
    (0..filled).filter_map(move |place| rows.get(place).or(rows.last()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_and_filled_into_few_lengths() {
        for count in 0..300_usize {
            let rows: Vec<usize> = (0..count).collect();
            let cut: Vec<&[usize]> = chunks(&rows).collect();
            assert_eq!(cut.concat(), rows);
            assert!(cut.iter().all(|chunk| [1, 4, 16, 64].contains(&chunk.len())), "{count}");
            let filled: Vec<usize> = padded(&rows).copied().collect();
            assert!([0, 1, 4, 16, 64, 256, 1024].contains(&filled.len()), "{count}");
            assert_eq!(filled[..count], rows);
            assert!(filled[count..].iter().all(|one| Some(one) == rows.last()), "{count}");
        }
    }
}
