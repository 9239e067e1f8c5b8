"""Steps that find versions, artefacts and events. They know no engine and no verdict."""
