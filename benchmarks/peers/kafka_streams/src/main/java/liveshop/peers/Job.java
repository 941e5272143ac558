package liveshop.peers;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** What this run is told; as {@code programs/job.py}. */
record Job(
        String brokers,
        List<String> topics,
        @JsonProperty("partitions_each") int partitionsEach,
        String group,
        String directory,
        long expected) {

    static final long WINDOW_MS = 10_000;
    static final long EMIT_EVERY_MS = 1_000;
    static final long LATENESS_MS = 3_600_000;

    static Job read() throws IOException {
        return new ObjectMapper().readValue(Path.of(System.getenv("PEERS_JOB")).toFile(), Job.class);
    }
}
