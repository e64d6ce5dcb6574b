"""From a declared source to something that the engine scans."""
