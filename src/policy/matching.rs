//! Maximum bipartite matching of people to places: within a rule everybody fills one place.

use super::model::Need;

/// Fills the needs' places with as many people as can be. `candidates` names, for every need, who
/// may fill it; the answer names, for every need, who does. Needs that stand first are filled
/// first: a place once filled stays filled.
pub(super) fn fill(needs: &[Need], candidates: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let places: Vec<usize> = needs
        .iter()
        .enumerate()
        .flat_map(|(index, need)| std::iter::repeat_n(index, need.count as usize))
        .collect();
    let people = candidates.iter().flatten().max().map_or(0, |&most| most + 1);
    // Which place a person fills.
    let mut place_of: Vec<Option<usize>> = vec![None; people];
    for place in 0..places.len() {
        let mut seen = vec![false; people];
        seat(place, &places, candidates, &mut place_of, &mut seen);
    }
    let mut filled = vec![Vec::new(); needs.len()];
    for (person, place) in place_of.into_iter().enumerate() {
        if let Some(place) = place {
            filled[places[place]].push(person);
        }
    }
    filled
}

/// Seats somebody at a place, moving others along an augmenting path. The depth is at most the
/// number of places (`limits::RULE_PEOPLE_MAX`), for every step takes another seated person.
fn seat(
    place: usize,
    places: &[usize],
    candidates: &[Vec<usize>],
    place_of: &mut [Option<usize>],
    seen: &mut [bool],
) -> bool {
    let Some(suitable) = candidates.get(places[place]) else { return false };
    for &person in suitable {
        if std::mem::replace(&mut seen[person], true) {
            continue;
        }
        let free = match place_of[person] {
            None => true,
            Some(other) => seat(other, places, candidates, place_of, seen),
        };
        if free {
            place_of[person] = Some(place);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn needs(counts: &[u32]) -> Vec<Need> {
        counts.iter().map(|&count| Need { count, level: None, team: None }).collect()
    }

    /// ATTACKS 43: one person fills one place, and is moved where that lets another in.
    #[test]
    fn a_person_moves_to_let_another_in() {
        // Person 0 suits both places, person 1 only the first.
        assert_eq!(fill(&needs(&[1, 1]), &[vec![0, 1], vec![0]]), [vec![1], vec![0]]);
        assert_eq!(fill(&needs(&[1, 1]), &[vec![0], vec![0]]), [vec![0], vec![]]);
        assert_eq!(fill(&needs(&[2]), &[vec![4]]), [vec![4]]);
        assert_eq!(fill(&needs(&[1]), &[vec![]]), [Vec::<usize>::new()]);
    }

    /// Tries everything: each person at each place or at none.
    fn most_by_force(person: usize, people: usize, left: &mut [u32], may: &[Vec<usize>]) -> usize {
        if person == people {
            return 0;
        }
        let mut most = most_by_force(person + 1, people, left, may);
        for need in 0..may.len() {
            if left[need] > 0 && may[need].contains(&person) {
                left[need] -= 1;
                most = most.max(1 + most_by_force(person + 1, people, left, may));
                left[need] += 1;
            }
        }
        most
    }

    proptest! {
        #[test]
        fn as_many_are_seated_as_can_be(
            counts in prop::collection::vec(1_u32..3, 1..4),
            bits in any::<u32>(),
        ) {
            let may: Vec<Vec<usize>> = (0..counts.len())
                .map(|need| (0..6).filter(|person| bits >> (need * 6 + person) & 1 == 1).collect())
                .collect();
            let filled = fill(&needs(&counts), &may);
            let seated: usize = filled.iter().map(Vec::len).sum();
            prop_assert_eq!(seated, most_by_force(0, 6, &mut counts.clone(), &may));
            let mut everybody: Vec<usize> = filled.concat();
            everybody.sort_unstable();
            everybody.dedup();
            prop_assert_eq!(everybody.len(), seated);
            for (need, by) in filled.iter().enumerate() {
                prop_assert!(by.len() <= counts[need] as usize);
                prop_assert!(by.iter().all(|person| may[need].contains(person)));
            }
        }
    }
}
