//! How a deployment stands: whether it was stopped with everything done, and whether there is room for the copy.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::{Error, kafka, number};
use crate::config::{Config, Kafka};
use crate::kafka::client::{self, WorkerName};
use crate::kafka::context::Quiet;
use crate::kafka::topics::{self, TopicState};
use crate::runtime::StageKind;
use crate::runtime::clock::{Clock as _, SystemClock};

/// How long the brokers may take to answer. Committed offsets wait for transactions of killed processes, which end after ten seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause between looks at a pending transaction, and one wait for messages.
const POLL: Duration = Duration::from_millis(100);
/// Members of a group that are named.
const NAMED_MEMBERS: usize = 5;

/// Offsets that the end of a transaction takes. What else was deleted before it was read is lost, and the monitor of its partition has
/// still to note that: the new topic does not show it any more.
const MARKER: i64 = 1;

/// Start and end, exclusive, of each partition of a topic, pending transactions included.
type Ends = Vec<(i64, i64)>;

/// How the old deployment stood before the copy.
#[derive(Debug)]
pub(super) struct Before {
    state: Ends,
    activity: Ends,
}

impl Before {
    pub(super) fn partitions(&self) -> usize {
        self.state.len()
    }

    /// Records of the state, at most: transaction markers count.
    pub(super) fn state_records(&self) -> u64 {
        self.state.iter().map(|(start, end)| end.abs_diff(*start)).sum()
    }

    /// Where all partitions end. Their starts may move: brokers delete what is old.
    fn ends(&self) -> impl Iterator<Item = i64> {
        self.state.iter().chain(&self.activity).map(|(_, end)| *end)
    }
}

/// Checks what can be told from the settings alone.
pub(super) fn check_settings(old: &Config, new: &Config) -> Result<(), Error> {
    let refused = |key, why: String| Err(Error::Settings { key, why });
    let taken = [&old.topics.state, &old.topics.activity];
    for (key, name) in [("topics.state", &new.topics.state), ("topics.activity", &new.topics.activity)] {
        if taken.contains(&name) {
            let why = format!(
                "`{name}` is in use by the old settings, whose topics are left as they are: give it another name"
            );
            return refused(key, why);
        }
    }
    if new.kafka.application_id != old.kafka.application_id {
        let why = format!(
            "`{}` is not the old `{}`; under another name the inputs would be read again from their beginning",
            new.kafka.application_id, old.kafka.application_id
        );
        return refused("kafka.application_id", why);
    }
    Ok(())
}

/// The deployment of the old settings.
pub(super) struct Deployment<'a> {
    config: &'a Config,
    partitions: usize,
    /// In the monitor's group without joining it; reads what is committed.
    member: BaseConsumer<Quiet>,
    /// Sees pending transactions too.
    probe: BaseConsumer<Quiet>,
    clock: SystemClock,
}

impl<'a> Deployment<'a> {
    /// Connects, and looks at the topics.
    pub(super) fn find(config: &'a Config) -> Result<Self, Error> {
        let partitions = state_partitions(config)?;
        let name = WorkerName {
            static_member: None,
            ..WorkerName::new(&config.kafka, StageKind::Monitor, 0, "repartition")
        };
        let member = client::consumer(&config.kafka, &name);
        Ok(Self {
            config,
            partitions,
            member: BaseConsumer::from_config_and_context(&member, Quiet::default())
                .map_err(kafka("the Kafka client cannot be set up"))?,
            probe: connect(&config.kafka)?,
            clock: SystemClock::start(),
        })
    }

    /// Checks that `new` is another division of the same cluster's state.
    pub(super) fn check_target(&self, new: &Config) -> Result<(), Error> {
        let refused = |key, why: String| Err(Error::Settings { key, why });
        if cluster(&connect(&new.kafka)?)? != cluster(&self.probe)? {
            return refused("kafka.brokers", "they are another cluster than the old ones".into());
        }
        if usize::try_from(new.topics.partitions) == Ok(self.partitions) {
            let why =
                format!("the state has {} partitions already: say how many it is to have", self.partitions);
            return refused("topics.partitions", why);
        }
        Ok(())
    }

    /// Creates the new topics where they are missing; they must be empty and have the partitions that the settings say.
    pub(super) fn create_target(&self, new: &Config) -> Result<(), Error> {
        let report = topics::ensure(new)?;
        for topic in [&new.topics.state, &new.topics.activity] {
            let found = report.partitions(topic).unwrap_or_default();
            if found != new.topics.partitions {
                let why =
                    format!("topic `{topic}` exists with {found}, and {} are wanted", new.topics.partitions);
                return Err(Error::Settings { key: "topics.partitions", why });
            }
            let ends = self.ends(topic, usize::try_from(found).unwrap_or_default())?;
            if ends.iter().any(|(start, end)| start < end) {
                return Err(Error::NotEmpty { topic: topic.clone() });
            }
        }
        Ok(())
    }

    /// Checks that nobody runs and that all activities were monitored.
    pub(super) fn check_stopped(&self) -> Result<Before, Error> {
        for stage in [StageKind::Ingest, StageKind::Monitor] {
            self.check_nobody(&WorkerName::new(&self.config.kafka, stage, 0, "").group)?;
        }
        let topics = &self.config.topics;
        let before =
            Before { state: self.settled(&topics.state)?, activity: self.settled(&topics.activity)? };
        self.check_drained(&before.activity)?;
        Ok(before)
    }

    /// Checks that nobody ran since.
    pub(super) fn check_unchanged(&self, before: &Before) -> Result<(), Error> {
        if self.check_stopped()?.ends().eq(before.ends()) {
            return Ok(());
        }
        let topics = &self.config.topics;
        let what = format!(
            "`{}` or `{}` was written to meanwhile: does an instance run?",
            topics.activity, topics.state
        );
        Err(Error::Differs { what })
    }

    fn check_nobody(&self, group: &str) -> Result<(), Error> {
        let found = self
            .probe
            .fetch_group_list(Some(group), ANSWER_TIMEOUT)
            .map_err(kafka("ask for the members of the consumer groups"))?;
        let members =
            found.groups().iter().filter(|found| found.name() == group).flat_map(|found| found.members());
        let named: Vec<_> = members
            .take(NAMED_MEMBERS)
            .map(|member| {
                format!("{} at {}", member.client_id(), member.client_host().trim_start_matches('/'))
            })
            .collect();
        if named.is_empty() {
            return Ok(());
        }
        Err(Error::Running { group: group.to_owned(), members: named.join(", ") })
    }

    /// Checks that no message lies between what the monitor has committed and the end. The offsets alone do not tell:
    /// transaction markers have some too.
    fn check_drained(&self, ends: &Ends) -> Result<(), Error> {
        let topic = &self.config.topics.activity;
        let committed = self.committed(topic)?;
        let mut rest = TopicPartitionList::new();
        let (mut partitions, mut messages) = (BTreeSet::new(), 0);
        for (partition, (start, end)) in ends.iter().enumerate() {
            let committed = committed.get(partition).copied().flatten().unwrap_or(*start);
            if start - committed > MARKER {
                return Err(Error::Undrained { topic: topic.clone(), messages: start - committed });
            }
            let from = committed.max(*start);
            if from < *end {
                rest.add_partition_offset(topic, number(partition), Offset::Offset(from))
                    .map_err(kafka("name what is left of the activities"))?;
                partitions.insert(number(partition));
                messages += end - from;
            }
        }
        if self.holds_message(&rest, partitions)? {
            return Err(Error::Undrained { topic: topic.clone(), messages });
        }
        Ok(())
    }

    /// Whether there is any message from these offsets on.
    fn holds_message(&self, rest: &TopicPartitionList, mut partitions: BTreeSet<i32>) -> Result<bool, Error> {
        self.member.assign(rest).map_err(kafka("read what is left of the activities"))?;
        let until = self.clock.monotonic() + ANSWER_TIMEOUT;
        let mut is_found = false;
        while !partitions.is_empty() && !is_found {
            match self.member.poll(POLL) {
                Some(Ok(_)) => is_found = true,
                Some(Err(KafkaError::PartitionEOF(partition))) => drop(partitions.remove(&partition)),
                Some(Err(error)) if self.clock.monotonic() > until => {
                    return Err(kafka("read what is left of the activities")(error));
                }
                None if self.clock.monotonic() > until => {
                    return Err(self.pending(&self.config.topics.activity));
                }
                None | Some(Err(_)) => {}
            }
        }
        self.member.unassign().map_err(kafka("read what is left of the activities"))?;
        Ok(is_found)
    }

    /// The offset that the monitor has committed in each partition.
    fn committed(&self, topic: &str) -> Result<Vec<Option<i64>>, Error> {
        let asked = "ask for committed offsets";
        let mut list = TopicPartitionList::new();
        for partition in 0..self.partitions {
            list.add_partition(topic, number(partition));
        }
        let found = self.member.committed_offsets(list, ANSWER_TIMEOUT).map_err(kafka(asked))?;
        let mut offsets = vec![None; self.partitions];
        for element in found.elements() {
            element.error().map_err(kafka(asked))?;
            let place =
                usize::try_from(element.partition()).ok().and_then(|partition| offsets.get_mut(partition));
            if let (Some(place), Offset::Offset(offset)) = (place, element.offset()) {
                *place = Some(offset);
            }
        }
        Ok(offsets)
    }

    fn ends(&self, topic: &str, partitions: usize) -> Result<Ends, Error> {
        (0..partitions).map(|partition| self.watermarks(&self.probe, topic, partition)).collect()
    }

    /// Start and end of a partition. One that was created or moved just now may have no leader yet.
    fn watermarks(
        &self,
        client: &BaseConsumer<Quiet>,
        topic: &str,
        partition: usize,
    ) -> Result<(i64, i64), Error> {
        let until = self.clock.monotonic() + ANSWER_TIMEOUT;
        loop {
            match client.fetch_watermarks(topic, number(partition), ANSWER_TIMEOUT) {
                Err(error) if self.clock.monotonic() > until => {
                    return Err(kafka("ask where a topic ends")(error));
                }
                Err(_) => std::thread::sleep(POLL),
                Ok(found) => return Ok(found),
            }
        }
    }

    /// Where a topic ends once no transaction of a killed process is open in it.
    fn settled(&self, topic: &str) -> Result<Ends, Error> {
        let until = self.clock.monotonic() + ANSWER_TIMEOUT;
        let ends = self.ends(topic, self.partitions)?;
        for (partition, (_, end)) in ends.iter().enumerate() {
            while self.stable_end(topic, partition)? < *end {
                if self.clock.monotonic() > until {
                    return Err(self.pending(topic));
                }
                std::thread::sleep(POLL);
            }
        }
        // A transaction that was ended has left a marker.
        self.ends(topic, self.partitions)
    }

    /// Up to where committed records can be read.
    fn stable_end(&self, topic: &str, partition: usize) -> Result<i64, Error> {
        Ok(self.watermarks(&self.member, topic, partition)?.1)
    }

    fn pending(&self, topic: &str) -> Error {
        Error::Pending { topic: topic.to_owned(), secs: ANSWER_TIMEOUT.as_secs() }
    }
}

/// Partitions of the state, which are as many as those of the activities.
fn state_partitions(config: &Config) -> Result<usize, Error> {
    let mut report = topics::examine(config, false)?;
    let names = [&config.topics.activity, &config.topics.state];
    // Other topics may come and go without changing the state.
    report.topics.retain(|topic| names.contains(&&topic.name));
    if report.topics.iter().any(|topic| matches!(topic.state, TopicState::Missing | TopicState::Wrong(_))) {
        return Err(topics::Error::Unfit(report).into());
    }
    Ok(usize::try_from(report.partitions(&config.topics.state).unwrap_or_default()).unwrap_or_default())
}

fn connect(settings: &Kafka) -> Result<BaseConsumer<Quiet>, Error> {
    BaseConsumer::from_config_and_context(&client::probe(settings), Quiet::default())
        .map_err(kafka("the Kafka client cannot be set up"))
}

fn cluster(client: &BaseConsumer<Quiet>) -> Result<String, Error> {
    client.client().fetch_cluster_id(ANSWER_TIMEOUT).ok_or_else(|| Error::Kafka {
        action: "ask which cluster it is",
        detail: "the brokers do not answer".into(),
    })
}
