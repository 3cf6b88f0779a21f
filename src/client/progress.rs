//! What a pull tells about itself while it works. The library only calls these; [`crate::ui`] draws.

/// Listens to a pull. All calls may come from several threads at once and must return soon.
pub trait Progress: Send + Sync {
    /// Step `number` of `of` begins.
    fn step(&self, number: u32, of: u32, what: &str);

    /// Loading begins: about so many rows are expected altogether.
    fn loading(&self, rows_estimate: u64);

    /// What the server is busy with, as one short line.
    fn server(&self, what: &str);

    /// So many more rows arrived in `table`; negative when a chunk was rolled back.
    fn rows(&self, table: &str, rows: i64);

    /// `table` is loaded to its end, with so many rows.
    fn table_done(&self, table: &str, rows: u64);

    /// Loading has ended, well or not.
    fn loaded(&self);

    /// Something the user should know.
    fn note(&self, text: &str);
}
