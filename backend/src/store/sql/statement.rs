//! A statement: one text for both databases, with numbered parameters (`$1`), and its values.
//!
//! sqlx reads `$1` on SQLite as PostgreSQL does, so a text that keeps to what both understand needs no second one. This
//! file is the little that stands between: values that know their type even where they are NULL, rows that decode from
//! either, and statements that carry many rows in one message (a statement through sqlx is a message to another thread
//! on SQLite, and a round trip on PostgreSQL).

use super::connection::{Connection, On, Readers};
use crate::store::StoreError;
use aldgate_core::id::{AccountId, CredentialDigest, SessionId};
use aldgate_core::time::Timestamp;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Encode, FromRow, Postgres, SqlSafeStr as _, SqlStr, Sqlite, Type};

/// Parameters in one statement. Both databases take tens of thousands, but SQLite looks each one up among all before it,
/// so that a statement costs the square of their number; some hundred make the message cheap enough.
const PARAMETERS_MAX: usize = 600;

/// A value of a parameter: one of the three types that columns have. A flag is an integer, 0 or 1; a moment is an
/// integer, milliseconds since 1970.
#[derive(Debug, Clone)]
pub(in crate::store) enum Value {
    /// `INTEGER`, `BIGINT`.
    Integer(Option<i64>),
    /// `TEXT`.
    Text(Option<String>),
    /// `BLOB`, `BYTEA`.
    Bytes(Option<Vec<u8>>),
}

/// What a row of a result decodes into: a tuple of `i64`, `String`, `Vec<u8>`, their `Option`, and `bool` for what the
/// statement itself found out (`EXISTS`, `IS NULL`; a flag in a column is an `i64`).
pub(in crate::store) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<R> Row for R where R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// A statement and its values.
pub(in crate::store) struct Query {
    text: SqlStr,
    values: Vec<Value>,
    /// Whether it is worth keeping prepared: its text comes again.
    keep: bool,
}

/// A statement, to which its values are bound in order.
pub(in crate::store) fn query(text: &'static str) -> Query {
    Query { text: text.into_sql_str(), values: Vec::new(), keep: true }
}

/// A statement over rows: `{rows}` in the text stands for `($1, $2), ($3, $4)` and so on, and `{next}` for the parameter
/// after them, which is bound next. At most [`rows_max`] of them.
pub(in crate::store) fn rows_query<const N: usize>(text: &'static str, rows: &[[Value; N]]) -> Query {
    let mut list = String::with_capacity(rows.len() * N * 7);
    for row in 0..rows.len() {
        list.push_str(if row == 0 { "(" } else { ", (" });
        for column in 1..=N {
            if column > 1 {
                list.push_str(", ");
            }
            list.push('$');
            list.push_str(&(row * N + column).to_string());
        }
        list.push(')');
    }
    let next = format!("${}", rows.len() * N + 1);
    // Numbers only are put in.
    let text = AssertSqlSafe(text.replace("{rows}", &list).replace("{next}", &next)).into_sql_str();
    Query { text, values: rows.iter().flatten().cloned().collect(), keep: rows.len() == 1 || rows.len() == rows_max(N) }
}

/// Most rows of so many columns in one statement.
pub(in crate::store) const fn rows_max(columns: usize) -> usize {
    PARAMETERS_MAX / columns
}

/// Runs a statement over rows ([`rows_query`]), in as many parts as it takes. Gives how many rows it changed.
pub(in crate::store) async fn write_rows<const N: usize>(
    connection: &mut Connection,
    text: &'static str,
    rows: &[[Value; N]],
) -> Result<u64, StoreError> {
    let mut changed = 0;
    for part in rows.chunks(rows_max(N)) {
        changed += rows_query(text, part).execute(&mut *connection).await?;
    }
    Ok(changed)
}

/// Runs a statement wherever it is to run.
macro_rules! run {
    ($self:ident, $on:ident, $sqlite:ident, $postgres:ident, $verb:ident) => {
        match $on.into() {
            On::Connection(Connection::Sqlite(connection)) => $self.$sqlite()?.$verb(&mut **connection).await?,
            On::Connection(Connection::Postgres(work)) => $self.$postgres()?.$verb(&mut ***work).await?,
            On::Readers(Readers::Sqlite(pool)) => $self.$sqlite()?.$verb(pool).await?,
            On::Readers(Readers::Postgres(pool)) => $self.$postgres()?.$verb(pool).await?,
        }
    };
}

impl Query {
    /// Binds the next value.
    pub(in crate::store) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Says that it comes again with as many rows.
    pub(in crate::store) const fn kept(mut self) -> Self {
        self.keep = true;
        self
    }

    /// Says which statement runs, and never with which values.
    fn told(&self) {
        tracing::trace!(text = self.text.as_str(), "a statement");
    }

    /// Runs it. Gives how many rows it changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(in crate::store) async fn execute<'a>(self, on: impl Into<On<'a>>) -> Result<u64, StoreError> {
        self.told();
        Ok(match on.into() {
            On::Connection(Connection::Sqlite(connection)) => {
                self.sqlite()?.execute(&mut **connection).await?.rows_affected()
            }
            On::Connection(Connection::Postgres(work)) => self.postgres()?.execute(&mut ***work).await?.rows_affected(),
            On::Readers(Readers::Sqlite(pool)) => self.sqlite()?.execute(pool).await?.rows_affected(),
            On::Readers(Readers::Postgres(pool)) => self.postgres()?.execute(pool).await?.rows_affected(),
        })
    }

    /// The one row that it always gives.
    ///
    /// # Errors
    /// [`StoreError`], also if there is none.
    pub(in crate::store) async fn one<'a, R: Row>(self, on: impl Into<On<'a>>) -> Result<R, StoreError> {
        self.told();
        Ok(run!(self, on, sqlite_as, postgres_as, fetch_one))
    }

    /// The row, if there is one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(in crate::store) async fn optional<'a, R: Row>(self, on: impl Into<On<'a>>) -> Result<Option<R>, StoreError> {
        self.told();
        Ok(run!(self, on, sqlite_as, postgres_as, fetch_optional))
    }

    /// All rows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(in crate::store) async fn all<'a, R: Row>(self, on: impl Into<On<'a>>) -> Result<Vec<R>, StoreError> {
        self.told();
        Ok(run!(self, on, sqlite_as, postgres_as, fetch_all))
    }

    fn sqlite(self) -> Result<sqlx::query::Query<'static, Sqlite, SqliteArguments>, StoreError> {
        Ok(sqlx::query_with(self.text, arguments(self.values)?).persistent(self.keep))
    }

    fn postgres(self) -> Result<sqlx::query::Query<'static, Postgres, PgArguments>, StoreError> {
        Ok(sqlx::query_with(self.text, arguments(self.values)?).persistent(self.keep))
    }

    fn sqlite_as<R: Row>(self) -> Result<sqlx::query::QueryAs<'static, Sqlite, R, SqliteArguments>, StoreError> {
        Ok(sqlx::query_as_with(self.text, arguments(self.values)?).persistent(self.keep))
    }

    fn postgres_as<R: Row>(self) -> Result<sqlx::query::QueryAs<'static, Postgres, R, PgArguments>, StoreError> {
        Ok(sqlx::query_as_with(self.text, arguments(self.values)?).persistent(self.keep))
    }
}

/// Values, as either database takes them.
fn arguments<A>(values: Vec<Value>) -> Result<A, StoreError>
where
    A: Arguments,
    Option<i64>: Encode<'static, A::Database> + Type<A::Database>,
    Option<String>: Encode<'static, A::Database> + Type<A::Database>,
    Option<Vec<u8>>: Encode<'static, A::Database> + Type<A::Database>,
{
    let mut arguments = A::default();
    for value in values {
        let added = match value {
            Value::Integer(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
        };
        added.map_err(|error| StoreError::Broken(error.to_string()))?;
    }
    Ok(arguments)
}

/// What a parameter may be made of.
macro_rules! value {
    ($($of:ty => $as:ident($value:ident) $made:expr;)*) => {
        $(
            impl From<$of> for Value {
                fn from($value: $of) -> Self {
                    Self::$as(Some($made))
                }
            }

            impl From<Option<$of>> for Value {
                fn from(value: Option<$of>) -> Self {
                    Self::$as(value.map(|$value| $made))
                }
            }
        )*
    };
}

value! {
    i64 => Integer(value) value;
    i32 => Integer(value) i64::from(value);
    u8 => Integer(value) i64::from(value);
    u32 => Integer(value) i64::from(value);
    bool => Integer(value) i64::from(value);
    Timestamp => Integer(value) super::millis(value);
    &str => Text(value) value.to_owned();
    String => Text(value) value;
    &[u8] => Bytes(value) value.to_vec();
    Vec<u8> => Bytes(value) value;
    AccountId => Bytes(value) value.as_bytes().to_vec();
    SessionId => Bytes(value) value.as_bytes().to_vec();
    CredentialDigest => Bytes(value) value.as_bytes().to_vec();
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(value: [u8; N]) -> Self {
        Self::Bytes(Some(value.to_vec()))
    }
}

impl<const N: usize> From<Option<[u8; N]>> for Value {
    fn from(value: Option<[u8; N]>) -> Self {
        Self::Bytes(value.map(|bytes| bytes.to_vec()))
    }
}
