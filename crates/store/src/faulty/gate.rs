use tokio::sync::watch;

/// A gate in a store's way, opened by hand. Clones are the same gate.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let gate = alluvium_store::faulty::Gate::closed();
/// let passing = tokio::spawn({ let gate = gate.clone(); async move { gate.pass().await } });
/// gate.reached(1).await;
/// gate.open();
/// passing.await.unwrap();
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Gate(watch::Sender<State>);

#[derive(Clone, Copy, Debug)]
struct State {
    open: bool,
    arrived: usize,
}

impl Gate {
    /// A closed gate.
    pub fn closed() -> Self {
        Self(watch::Sender::new(State {
            open: false,
            arrived: 0,
        }))
    }

    /// Lets everyone pass, those who wait and those to come.
    pub fn open(&self) {
        self.0.send_modify(|state| state.open = true);
    }

    /// Holds everyone to come.
    pub fn close(&self) {
        self.0.send_modify(|state| state.open = false);
    }

    /// Returns when `count` calls in all have come to the gate, whether or not they passed.
    pub async fn reached(&self, count: usize) {
        self.wait(|state| state.arrived >= count).await;
    }

    /// Passes when the gate is open.
    pub async fn pass(&self) {
        self.0.send_modify(|state| state.arrived += 1);
        self.wait(|state| state.open).await;
    }

    async fn wait(&self, until: impl FnMut(&State) -> bool) {
        // The sender cannot be gone: `self` holds it.
        let _ = self.0.subscribe().wait_for(until).await;
    }
}
