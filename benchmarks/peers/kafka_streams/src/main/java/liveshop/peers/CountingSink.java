package liveshop.peers;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Where updated rows go, and where the clock is read; as {@code programs/sink.py}. */
final class CountingSink {

    /** One window of one room and product. */
    record Key(String room, String product, long startMs) {}

    /** A row: the absolute values of a window, as they stand now. */
    record Row(Key key, Sums sums) {}

    private static final long QUIET_NS = 10_000_000_000L;

    private final Path directory;
    private final long expected;
    private final Map<Key, Sums> latest = new HashMap<>();
    private final BufferedWriter flushes;
    private final OperatingSystemMXBean system =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    private long rows;
    private long counted;
    private long movedAtNs;
    private boolean begun;
    private boolean over;

    CountingSink(Job job) throws IOException {
        directory = Path.of(job.directory());
        expected = job.expected();
        flushes = Files.newBufferedWriter(directory.resolve("flushes.ndjson"));
        Thread watcher = new Thread(this::watch, "sink-watcher");
        watcher.setDaemon(true);
        watcher.start();
    }

    /** Starts the clock: the first record is here. Later calls do nothing. */
    synchronized void begin() {
        if (!begun) {
            begun = true;
            note();
        }
    }

    synchronized void write(List<Row> flush) {
        if (flush.isEmpty()) {
            return;
        }
        for (Row row : flush) {
            Sums before = latest.put(row.key(), row.sums());
            counted += row.sums().counted() - (before == null ? 0 : before.counted());
        }
        rows += flush.size();
        movedAtNs = System.nanoTime();
        note();
        if (counted >= expected) {
            finish();
        }
    }

    private void note() {
        try {
            // CLOCK_MONOTONIC, like Python's time.monotonic(); only differences count.
            flushes.write(
                    String.format(
                            Locale.ROOT,
                            "{\"at_s\": %.6f, \"cpu_s\": %.6f, \"rows\": %d, \"counted\": %d}%n",
                            System.nanoTime() / 1e9,
                            system.getProcessCpuTime() / 1e9,
                            rows,
                            counted));
            flushes.flush();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private void watch() {
        try {
            while (true) {
                Thread.sleep(500);
                synchronized (this) {
                    if (movedAtNs != 0 && System.nanoTime() - movedAtNs > QUIET_NS) {
                        finish();
                        return;
                    }
                }
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void finish() {
        if (over) {
            return;
        }
        over = true;
        try {
            Path draft = directory.resolve("rows.draft");
            dump(draft);
            Files.move(draft, directory.resolve("rows.json"), StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private void dump(Path file) throws IOException {
        try (JsonGenerator json = new ObjectMapper().createGenerator(Files.newBufferedWriter(file))) {
            json.writeStartObject();
            json.writeNumberField("counted", counted);
            json.writeArrayFieldStart("rows");
            for (Map.Entry<Key, Sums> entry : latest.entrySet()) {
                Key key = entry.getKey();
                Sums sums = entry.getValue();
                json.writeStartArray();
                json.writeString(key.room());
                json.writeString(key.product());
                json.writeNumber(key.startMs());
                json.writeNumber(sums.gmvMinor());
                json.writeNumber(sums.orders());
                json.writeNumber(sums.units());
                json.writeNumber(sums.likes());
                json.writeNumber(sums.clicks());
                json.writeEndArray();
            }
            json.writeEndArray();
            json.writeEndObject();
        }
    }
}
