"""What scores let one conclude: pure functions over arrays, with numpy alone. They know no runs and no store."""
