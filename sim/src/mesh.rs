//! The network as a graph: who is linked to whom, what each link is like, and which messages a node has passed on.
//!
//! Rules
//! - Every graph is in one piece, whatever the chance.
//! - A node passes a message on once; the memory for that is bounded, and forgets the oldest messages first.

use std::collections::BTreeSet;

use crate::plan::{Links, Plan, Topology};
use crate::random::Random;

/// Messages that a node remembers to have passed on. A message is on its way for minutes at most, and a node sees
/// fewer than a thousand in a second.
pub const SEEN_MAX: usize = 65_536;

/// The network of one run.
pub struct Mesh {
    is_full: bool,
    neighbours: Vec<BTreeSet<u16>>,
    near: Links,
    regions: Vec<Option<usize>>,
    routes: Vec<Vec<Option<Links>>>,
    seen: Vec<BTreeSet<u64>>,
    messages: u64,
}

impl Mesh {
    /// The network of a plan.
    pub fn of(plan: &Plan, mut random: Random) -> Self {
        let nodes = plan.nodes();
        let region = |node: u16| plan.regions.iter().position(|region| region.validators.contains(&node));
        let route = |one: &str, other: &str| {
            let found = plan.routes.iter().find(|route| route.joins(one, other));
            found.map(|route| route.links(&plan.links))
        };
        let row = |one: &crate::plan::Region| plan.regions.iter().map(|other| route(&one.name, &other.name)).collect();
        Self {
            is_full: plan.topology == Topology::FullMesh,
            neighbours: neighbours(plan.topology, nodes, &mut random),
            near: plan.links.clone(),
            regions: (0..nodes).map(region).collect(),
            routes: plan.regions.iter().map(row).collect(),
            seen: (0..nodes).map(|_| BTreeSet::new()).collect(),
            messages: 0,
        }
    }

    /// True when every message takes one link.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whom a node is linked to.
    pub fn neighbours(&self, node: u16) -> Vec<u16> {
        self.neighbours.get(usize::from(node)).into_iter().flatten().copied().collect()
    }

    /// What the link between two nodes is like.
    pub fn link(&self, from: u16, to: u16) -> &Links {
        let region = |node: u16| self.regions.get(usize::from(node)).copied().flatten();
        let route = region(from).zip(region(to)).and_then(|(from, to)| self.routes.get(from)?.get(to)?.as_ref());
        route.unwrap_or(&self.near)
    }

    /// The number of a new message, which its sender has seen.
    pub fn new_message(&mut self, from: u16) -> u64 {
        self.messages += 1;
        self.is_news(from, self.messages);
        self.messages
    }

    /// True when a node sees a message for the first time; from then on it has seen it.
    pub fn is_news(&mut self, node: u16, message: u64) -> bool {
        let Some(seen) = self.seen.get_mut(usize::from(node)) else { return false };
        let is_news = seen.insert(message);
        if seen.len() > SEEN_MAX {
            seen.pop_first();
        }
        is_news
    }
}

fn neighbours(topology: Topology, nodes: u16, random: &mut Random) -> Vec<BTreeSet<u16>> {
    let mut graph = Graph(vec![BTreeSet::new(); usize::from(nodes)]);
    match topology {
        Topology::FullMesh => (0..nodes).for_each(|node| (0..node).for_each(|other| graph.link(node, other))),
        Topology::Ring => graph.circle(&(0..nodes).collect::<Vec<_>>(), 2),
        Topology::Star { hub } => (0..nodes).for_each(|node| graph.link(hub, node)),
        Topology::KRegular { degree } => graph.circle(&shuffled(nodes, random), degree),
        Topology::SmallWorld { degree, shortcut_ppm } => {
            graph.circle(&shuffled(nodes, random), degree);
            for node in 0..nodes {
                for _ in 0..degree / 2 {
                    if random.chance(shortcut_ppm) {
                        graph.link(node, random.node(nodes));
                    }
                }
            }
        }
        Topology::ScaleFree { links } => graph.attach(nodes, links, random),
    }
    graph.0
}

fn shuffled(nodes: u16, random: &mut Random) -> Vec<u16> {
    let mut order: Vec<u16> = (0..nodes).collect();
    for place in (1..order.len()).rev() {
        let other = random.index(place + 1);
        order.swap(place, other);
    }
    order
}

struct Graph(Vec<BTreeSet<u16>>);

impl Graph {
    fn link(&mut self, one: u16, other: u16) {
        if one == other {
            return;
        }
        for (from, to) in [(one, other), (other, one)] {
            if let Some(neighbours) = self.0.get_mut(usize::from(from)) {
                neighbours.insert(to);
            }
        }
    }

    /// A circle in this order: each is linked to its `degree` nearest. An odd degree adds the one opposite.
    fn circle(&mut self, order: &[u16], degree: u16) {
        let count = order.len();
        for (place, node) in order.iter().enumerate() {
            for step in 1..=usize::from(degree / 2) {
                self.link(*node, order[(place + step) % count]);
            }
            if degree % 2 == 1 {
                self.link(*node, order[(place + count / 2) % count]);
            }
        }
    }

    /// Each node that comes links to `links` of those that are there, by chance in proportion to their links.
    fn attach(&mut self, nodes: u16, links: u16, random: &mut Random) {
        // One entry for each end of a link, so that a fair draw is a draw in proportion.
        let mut ends: Vec<u16> = vec![0];
        for node in 1..nodes {
            let wanted = usize::from(links.min(node));
            let mut chosen = BTreeSet::new();
            while chosen.len() < wanted {
                chosen.insert(ends[random.index(ends.len())]);
            }
            for other in chosen {
                self.link(node, other);
                ends.extend([node, other]);
            }
        }
    }
}
