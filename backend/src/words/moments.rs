//! Moments: months, halves of the day, and how they are put together.

words! {
    january: "January", "Ionawr";
    february: "February", "Chwefror";
    march: "March", "Mawrth";
    april: "April", "Ebrill";
    may: "May", "Mai";
    june: "June", "Mehefin";
    july: "July", "Gorffennaf";
    august: "August", "Awst";
    september: "September", "Medi";
    october: "October", "Hydref";
    november: "November", "Tachwedd";
    december: "December", "Rhagfyr";
    morning: "am", "yb";
    afternoon: "pm", "yp";
    time_here(time: &str): "{time} UK time", "{time} amser y DU";
    day_at_time(day: &str, time: &str): "{day} at {time}", "{day} am {time}";
}
