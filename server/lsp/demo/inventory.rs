//! Stock of a small warehouse: what is there, what must be ordered.

use std::collections::BTreeMap;
use std::fmt;

/// One article on the shelf.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub name: String,
    pub quantity: u32,
    pub price_cents: u64,
    pub reorder_level: u32,
}

/// Why a change of the stock was refused.
#[derive(Debug, PartialEq, Eq)]
pub enum StockError {
    UnknownItem(String),
    NotEnough { name: String, wanted: u32, left: u32 },
}

impl fmt::Display for StockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StockError::UnknownItem(name) => {
                write!(f, "there is no item called {name}")
            }
            StockError::NotEnough { name, wanted, left } => {
                write!(f, "{wanted} of {name} wanted, {left} left")
            }
        }
    }
}

impl std::error::Error for StockError {}

pub type Result<T> = std::result::Result<T, StockError>;

/// All items by name.
#[derive(Debug, Default)]
pub struct Warehouse {
    items: BTreeMap<String, Item>,
}

impl Warehouse {
    pub fn new() -> Warehouse {
        Warehouse { items: BTreeMap::new() }
    }

    pub fn insert(&mut self, item: Item) -> Option<Item> {
        self.items.insert(item.name.clone(), item)
    }

    pub fn add(&mut self, name: &str, quantity: u32) -> Result<u32> {
        let item = self
            .items
            .get_mut(name)
            .ok_or_else(|| StockError::UnknownItem(name.to_string()))?;
        item.quantity += quantity;
        Ok(item.quantity)
    }

    // demo: type
    pub fn remove(&mut self, name: &str, quantity: u32) -> Result<u32> {
        let item = self
            .items
            .get_mut(name)
            .ok_or_else(|| StockError::UnknownItem(name.to_string()))?;
        if item.quantity < quantity {
            return Err(StockError::NotEnough {
                name: name.to_string(),
                wanted: quantity,
                left: item.quantity,
            });
        }
        item.quantity -= quantity;
        Ok(item.quantity)
    }
    // demo: end

    pub fn total_cents(&self) -> u64 {
        self.items
            .values()
            .map(|item| u64::from(item.quantity) * item.price_cents)
            .sum()
    }

    pub fn to_reorder(&self) -> Vec<&Item> {
        self.items
            .values()
            .filter(|item| item.quantity <= item.reorder_level)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warehouse() -> Warehouse {
        let mut warehouse = Warehouse::new();
        for (name, quantity, price_cents) in
            [("bolt", 40, 15), ("nut", 25, 10), ("gear", 3, 1250)]
        {
            warehouse.insert(Item {
                name: name.to_string(),
                quantity,
                price_cents,
                reorder_level: 5,
            });
        }
        warehouse
    }

    #[test]
    fn adding_to_an_unknown_item_is_refused() {
        let mut warehouse = warehouse();
        let error = StockError::UnknownItem("cog".to_string());
        assert_eq!(warehouse.add("cog", 1), Err(error));
    }

    // demo: type
    #[test]
    fn removing_returns_what_is_left() {
        let mut warehouse = warehouse();
        assert_eq!(warehouse.remove("bolt", 10), Ok(30));
    }
    // demo: end
}
