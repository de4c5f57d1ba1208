"""Table formats: each keeps tables below paths of a store and fulfils `lakewright.model.contracts.TableFormat`."""
