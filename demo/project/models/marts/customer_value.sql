select
    customers.customer_id,
    customers.customer_name,
    customers.country,
    count(orders.order_id) as orders,
    coalesce(sum(orders.paid) filter (where orders.status <> 'returned'), 0) as value
from {{ ref('stg_customers') }} as customers
left join {{ ref('order_payments') }} as orders
    on customers.customer_id = orders.customer_id
group by all
