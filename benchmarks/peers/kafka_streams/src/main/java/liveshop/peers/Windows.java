package liveshop.peers;

import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.module.blackbird.BlackbirdModule;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.WindowStore;

/** Decodes, recognises orders that come again, adds to windows, and emits what changed. */
final class Windows implements Processor<byte[], byte[], Void, Void> {

    static final String ORDERS = "orders";
    static final String SUMS = "sums";

    private static final ObjectReader READER =
            JsonMapper.builder().addModule(new BlackbirdModule()).build().readerFor(Event.class);

    private final CountingSink sink;
    private final Set<CountingSink.Key> changed = new HashSet<>();
    private boolean begun;
    private KeyValueStore<String, Long> orders;
    private WindowStore<String, Sums> sums;

    Windows(CountingSink sink) {
        this.sink = sink;
    }

    @Override
    public void init(ProcessorContext<Void, Void> context) {
        orders = context.getStateStore(ORDERS);
        sums = context.getStateStore(SUMS);
        context.schedule(
                Duration.ofMillis(Job.EMIT_EVERY_MS), PunctuationType.WALL_CLOCK_TIME, at -> emit());
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        if (!begun) {
            begun = true;
            sink.begin();
        }
        Event event = decode(record.value());
        long startMs = event.occurredAtMs() - event.occurredAtMs() % Job.WINDOW_MS;
        switch (event.type()) {
            case "likes_sent" -> add(event.room(), "", startMs, 0, 0, 0, event.count(), 0);
            case "product_clicked" -> add(event.room(), event.product(), startMs, 0, 0, 0, 0, 1);
            case "order_paid" -> order(event, startMs);
            default -> { }
        }
    }

    private void order(Event event, long startMs) {
        if (orders.putIfAbsent(event.orderId(), event.occurredAtMs()) != null) {
            return;
        }
        Set<String> products = new HashSet<>();
        for (Event.Line line : event.lines()) {
            int first = products.add(line.product()) ? 1 : 0;
            add(event.room(), line.product(), startMs, line.paidMinor(), first, line.quantity(), 0, 0);
        }
    }

    private void add(
            String room, String product, long startMs, long gmv, long orders, long units, long likes, long clicks) {
        String key = room + '/' + product;
        Sums before = sums.fetch(key, startMs);
        sums.put(key, (before == null ? Sums.NONE : before).plus(gmv, orders, units, likes, clicks), startMs);
        changed.add(new CountingSink.Key(room, product, startMs));
    }

    private void emit() {
        List<CountingSink.Row> rows = new ArrayList<>(changed.size());
        for (CountingSink.Key key : changed) {
            rows.add(new CountingSink.Row(key, sums.fetch(key.room() + '/' + key.product(), key.startMs())));
        }
        changed.clear();
        sink.write(rows);
    }

    private static Event decode(byte[] value) {
        try {
            return READER.readValue(value);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
