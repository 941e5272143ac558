package liveshop.peers;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.Stores;

/**
 * The job on Kafka Streams, with its processor API: rooms are the keys of the topics, so that a room
 * and its products are in one task, and nothing has to be sent through the broker a second time, as
 * grouping by room and product would.
 *
 * <p>Stores are in memory, cached, and have their changelog in Kafka.
 */
public final class Main {

    /** As many as the machine has cores; the broker takes its share of them. */
    private static final int STREAM_THREADS = 2;

    private Main() {}

    /** Runs until it is told to stop. */
    public static void main(String[] arguments) throws IOException {
        Job job = Job.read();
        CountingSink sink = new CountingSink(job);
        KafkaStreams streams = new KafkaStreams(topology(job, sink), settings(job));
        streams.setUncaughtExceptionHandler(
                error -> {
                    error.printStackTrace();
                    return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
                });
        streams.setStateListener(
                (now, before) -> {
                    if (now == KafkaStreams.State.ERROR) {
                        Runtime.getRuntime().halt(1);
                    }
                });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(2))));
        streams.start();
    }

    private static Topology topology(Job job, CountingSink sink) {
        Topology topology = new Topology();
        topology.addSource(
                "events",
                Serdes.ByteArray().deserializer(),
                Serdes.ByteArray().deserializer(),
                job.topics().toArray(String[]::new));
        topology.addProcessor("windows", () -> new Windows(sink), "events");
        topology.addStateStore(
                Stores.keyValueStoreBuilder(
                                Stores.inMemoryKeyValueStore(Windows.ORDERS),
                                Serdes.String(),
                                Serdes.Long())
                        .withCachingEnabled(),
                "windows");
        topology.addStateStore(
                Stores.windowStoreBuilder(
                                Stores.inMemoryWindowStore(
                                        Windows.SUMS,
                                        Duration.ofMillis(Job.LATENESS_MS),
                                        Duration.ofMillis(Job.WINDOW_MS),
                                        false),
                                Serdes.String(),
                                Sums.SERDE)
                        .withCachingEnabled(),
                "windows");
        return topology;
    }

    private static Properties settings(Job job) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, job.group());
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, job.brokers());
        settings.put(StreamsConfig.STATE_DIR_CONFIG, job.directory() + "/streams");
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, STREAM_THREADS);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, Job.EMIT_EVERY_MS);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 128L << 20);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 10_000);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 << 20);
        settings.put(StreamsConfig.producerPrefix("compression.type"), "lz4");
        settings.put(StreamsConfig.producerPrefix("batch.size"), 256 << 10);
        return settings;
    }
}
